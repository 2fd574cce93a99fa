//! Gradients of layers, networks and losses against central differences, in f64.

use crate::common::gradient::{check_loss, check_network, check_network_in};
use crate::common::layers::{Scale, Swish};
use crate::common::random;
use shapewright::prelude::*;
use shapewright::tensor::{Rank0, Rank1, Rank2, Rank3};

/// `test name: shapes { layers }, batches`
macro_rules! gradients {
    ($($name:ident: $input:tt -> $output:tt { $($layers:tt)* } $(, $batch:literal)+;)*) => { $(
        #[test]
        fn $name() {
            network! { struct Net: $input -> $output as f64 { $($layers)* } }
            $(check_network::<Net>($batch);)+
        }
    )* };
}

gradients! {
    linear: [4] -> [3] { Linear<_, 3> }, 1, 2, 3, 9;
    linear_without_bias: [4] -> [3] { Linear<_, 3, NoBias> }, 1, 5;
    linear_of_one: [1] -> [1] { Linear<_, 1> }, 1, 3;
    linear_of_rows: [3, 4] -> [3, 2] { Linear<_, 2> }, 1, 3;
    linear_of_rows_without_bias: [3, 4] -> [3, 2] { Linear<4, 2, NoBias> }, 2;
    linear_of_pixels: [2, 3, 4] -> [2, 3, 5] { Linear<_, 5> }, 1, 2;
    linear_large: [70] -> [45] { Linear<_, 45> }, 1, 7;
    linear_large_without_bias: [45] -> [33] { Linear<_, 33, NoBias> }, 5;
    linear_large_of_rows: [4, 33] -> [4, 34] { Linear<_, 34> }, 3;

    conv2d: [4, 5, 2] -> [2, 3, 3] { Conv2d<_, 3, 3> }, 1, 3;
    conv2d_with_options: [5, 4, 4] -> [3, 4, 6] {
        Conv2d<_, 6, (3, 2), Stride<2, 1>, Pad<1>, Dilation<1, 2>, Groups<2>, NoBias>
    }, 2;
    conv2d_depthwise: [4, 3, 5] -> [4, 3, 5] { Conv2d<_, 5, 3, Pad<1>, Groups<5>> }, 2;
    conv2d_of_one: [3, 2, 4] -> [3, 2, 3] { Conv2d<_, 3, 1> }, 1, 2;
    conv1d: [7, 3] -> [4, 4] { Conv1d<_, 4, 3, Stride<2>, Pad<1>> }, 1, 2;
    conv_transpose2d: [3, 2, 4] -> [6, 5, 6] {
        ConvTranspose2d<_, 6, (3, 4), Stride<2, 1>, Pad<1, 0>, OutputPad<1, 0>, Groups<2>>
    }, 1, 2;
    convolutions_in_a_row: [6, 6, 1] -> [5] {
        Conv2d<_, 3, 3>, Tanh, Conv2d<_, 4, 2, Stride<2>>, Tanh, Flatten, Linear<_, 5>
    }, 2;

    flatten: [2, 3] -> [6] { Flatten }, 1, 2;
    reshape: [6] -> [3, 2] { Reshape<_, 2> }, 2;
    views_alone: [2, 3, 2] -> [2, 6] { Flatten, Reshape<4, 3>, Reshape<2, _> }, 3;
    reshape_between: [12] -> [3, 2] { Linear<_, 12>, Reshape<3, 4>, Linear<_, 2> }, 2;
    select_last: [4, 3] -> [3] { SelectLast }, 1, 3;
    select_last_of_one: [1, 3] -> [3] { SelectLast }, 2;
    select_last_between: [4, 3] -> [2] { Linear<_, 5>, Tanh, SelectLast, Linear<_, 2> }, 1, 3;
    transpose: [3, 5] -> [5, 3] { Transpose }, 1, 3;
    transpose_of_many: [18, 33] -> [33, 18] { Transpose }, 2;
    transpose_between: [3, 5] -> [3, 2] {
        Residual { Transpose, Linear<_, 4>, Tanh, Linear<_, 3>, Transpose }, Linear<_, 2>
    }, 1, 3;
    permute: [3, 5] -> [5, 3] { Permute<1, 0> }, 1, 3;
    permute_of_three: [2, 3, 4] -> [4, 2, 3] { Permute<2, 0, 1> }, 2;
    permute_of_four: [2, 3, 1, 4] -> [3, 4, 2, 1] { Permute<1, 3, 0, 2> }, 2;
    permute_between: [3, 5, 2] -> [2, 3, 4] { Linear<_, 2>, Permute<2, 0, 1>, Linear<_, 4> }, 1, 3;
    relu: [9] -> [9] { Relu }, 1, 3;
    relu_beside_layers: [6, 6, 2] -> [5] {
        Relu,
        MaxPool2d<2>,
        Conv2d<_, 3, 2>,
        Relu,
        Relu,
        ConvTranspose2d<_, 4, 2, Stride<2>>,
        Relu,
        MaxPool2d<2, Stride<1>>,
        Dropout(0.2),
        Residual { Linear<_, 4>, Relu },
        Relu,
        Flatten,
        Relu,
        Linear<_, 5>,
        Relu,
    }, 1, 3;
    relu_of_many: [5, 30] -> [5, 30] { Relu }, 2;
    tanh: [9] -> [9] { Tanh }, 2;
    sigmoid: [9] -> [9] { Sigmoid }, 2;
    gelu: [3, 5] -> [3, 5] { Gelu }, 2;
    softmax: [5] -> [5] { Softmax }, 1, 3;
    softmax_of_rows: [2, 3, 4] -> [2, 3, 4] { Softmax }, 2;
    log_softmax: [5] -> [5] { LogSoftmax }, 1, 3;
    log_softmax_of_rows: [2, 3, 4] -> [2, 3, 4] { LogSoftmax }, 2;
    relu6: [9] -> [9] { Relu6 }, 2;
    leaky_relu: [9] -> [9] { LeakyRelu(0.2) }, 2;
    prelu: [9] -> [9] { PRelu }, 1, 3;
    prelu_of_features: [2, 5] -> [2, 5] { PRelu<_> }, 1, 3;
    prelu_after_linear: [4] -> [3] { Linear<_, 6>, PRelu<6>, Linear<_, 3>, PRelu }, 3;
    elu: [9] -> [9] { Elu(0.7) }, 2;
    selu: [9] -> [9] { Selu }, 2;
    celu: [9] -> [9] { Celu(0.4) }, 2;
    gelu_tanh: [3, 5] -> [3, 5] { GeluTanh }, 2;
    silu: [9] -> [9] { Silu }, 2;
    mish: [9] -> [9] { Mish }, 2;
    softplus: [9] -> [9] { Softplus(1.5, 20.0) }, 2;
    softplus_linear: [9] -> [9] { Softplus(30.0, 2.0) }, 2;
    softsign: [9] -> [9] { Softsign }, 2;
    hard_tanh: [9] -> [9] { HardTanh(-0.6, 0.4) }, 2;
    log_sigmoid: [9] -> [9] { LogSigmoid }, 2;
    hard_sigmoid: [9] -> [9] { HardSigmoid }, 2;
    hard_swish: [9] -> [9] { HardSwish }, 2;
    glu: [8] -> [4] { Glu }, 1, 3;
    glu_of_rows: [2, 3, 6] -> [2, 3, 3] { Glu }, 2;
    magnitude: [8] -> [4] { Magnitude }, 1, 3;
    magnitude_between: [3, 5] -> [3, 2] { Linear<_, 6>, Magnitude, Linear<_, 4>, Magnitude }, 3;
    affine: [7] -> [7] { Affine<_> }, 1, 3;
    affine_of_rows: [3, 5] -> [3, 5] { Linear<_, 5>, Affine<_> }, 2;
    exp: [9] -> [9] { Exp }, 2;
    log_of_positive: [9] -> [9] { Exp, Affine<_>, Exp, Log }, 2;
    sqrt: [9] -> [9] { Exp, Sqrt }, 2;
    cube: [9] -> [9] { Pow(3.0) }, 2;
    square: [9] -> [9] { Pow }, 2;
    broken_power: [9] -> [9] { Exp, Pow(-1.5) }, 2;
    abs: [9] -> [9] { Abs }, 2;
    erf: [9] -> [9] { Erf }, 2;
    sin_and_cos: [9] -> [9] { Sin, Cos }, 2;
    expand: [1, 4, 1] -> [3, 4, 2] { Expand<3, _, 2> }, 1, 2;
    expand_of_channels: [3] -> [2, 2, 3] { Linear<_, 3>, Reshape<1, 1, 3>, Expand<2, 2, 3> }, 2;
    slice_features: [3, 5] -> [3, 2] { Linear<_, 6>, SliceFeatures<3, 2> }, 1, 2;
    differences: [5] -> [5] { a: Linear<_, 5>, b: Exp <- input, Sub <- (a, b) }, 2;
    quotients: [5] -> [5] { a: Linear<_, 5>, b: Exp <- input, Div <- (a, b) }, 2;
    maximum: [5] -> [5] { a: Linear<_, 5>, b: Tanh <- input, Maximum <- (a, b) }, 2;
    minimum: [5] -> [5] { a: Linear<_, 5>, b: Tanh <- input, Minimum <- (a, b) }, 2;
    choices: [5] -> [5] {
        a: Linear<_, 5>,
        b: Tanh <- input,
        which: Relu <- input,
        Where <- (which, a, b),
    }, 2;
    products: [2, 3, 4] -> [2, 3, 2] {
        a: Linear<_, 5>,
        b: Linear<_, 2> <- input,
        turned: Permute<0, 2, 1> <- b,
        c: MatMul <- (turned, a),
        d: Permute<0, 2, 1>,
        MatMul <- (a, d),
    }, 1, 2;
    overlap: [4, 3] -> [4, 5] { Overlap<2> }, 1, 3;
    overlap_of_channels: [3, 2, 2] -> [3, 7, 2] { Overlap<5> }, 2;
    overlap_between: [3, 4] -> [3, 2] { Linear<_, 3>, Tanh, Overlap<4>, Linear<_, 2> }, 2;
    reflection_pad2d: [3, 4, 2] -> [4, 9, 2] { ReflectionPad2d<(3, 2, 0, 1)> }, 1, 2;
    replication_pad2d_between: [2, 3, 2] -> [3, 4, 2] {
        Linear<_, 3>, Tanh, ReplicationPad2d<1>, Conv2d<_, 2, 2>
    }, 2;
    glu_between: [5] -> [2] { Linear<_, 6>, Glu, Linear<_, 4>, Glu }, 3;
    max_pool: [5, 4, 3] -> [2, 2, 3] { MaxPool2d<2> }, 1, 3;
    max_pool_overlapping: [6, 5, 2] -> [3, 3, 2] { MaxPool2d<3, Stride<2>, Pad<1>> }, 2;
    max_pool_dilated: [9, 2] -> [3, 2] { MaxPool1d<3, Stride<2>, Dilation<2>> }, 2;
    adaptive_max_pool: [5, 4, 2] -> [2, 3, 2] { AdaptiveMaxPool2d<(2, 3)> }, 2;
    adaptive_max_pool_of_rows: [5, 2] -> [2, 2] { AdaptiveMaxPool1d<2> }, 2;
    avg_pool: [5, 4, 3] -> [2, 2, 3] { AvgPool2d<2> }, 1, 3;
    avg_pool_overlapping: [6, 5, 2] -> [3, 5, 2] { AvgPool2d<3, Stride<2, 1>, Pad<1>> }, 2;
    avg_pool_without_padding: [6, 2] -> [3, 2] { AvgPool1d<3, Stride<2>, Pad<1>, ExcludePad> }, 2;
    adaptive_avg_pool: [5, 4, 2] -> [2, 3, 2] { AdaptiveAvgPool2d<(2, 3)> }, 2;
    adaptive_avg_pool_of_rows: [5, 2] -> [3, 2] { AdaptiveAvgPool1d<3> }, 2;
    global_avg_pool: [3, 4, 5] -> [2] { GlobalAvgPool2d, Linear<_, 2> }, 1, 3;
    global_avg_pool_of_rows: [3, 5] -> [5] { GlobalAvgPool1d }, 2;
    zero_pad: [2, 3, 2] -> [4, 6, 2] { ZeroPad2d<(1, 2, 0, 2)> }, 2;
    upsample: [2, 3, 2] -> [4, 9, 2] { Upsample<(2, 3)> }, 2;
    upsample_bilinear: [2, 3, 2] -> [4, 9, 2] { UpsampleBilinear<(2, 3)> }, 2;
    pools_between: [4, 6, 3] -> [2, 3, 2] { Linear<_, 4>, MaxPool2d<2>, Relu, Upsample<2>, AvgPool2d<2>, Tanh, Linear<_, 2> }, 3;
    dropout: [40] -> [40] { Dropout(0.3) }, 1, 3;
    dropout_of_nothing: [7] -> [7] { Dropout(0.0) }, 2;

    layer_norm: [7] -> [7] { LayerNorm }, 1, 3;
    layer_norm_of_rows: [3, 5] -> [3, 5] { LayerNorm<NoBias> }, 2;
    layer_norm_of_images: [2, 3, 4] -> [2, 3, 4] { LayerNorm<_, _, _> }, 1, 3;
    layer_norm_of_two_axes: [2, 3, 4] -> [2, 3, 4] { LayerNorm<_, _>(0.1) }, 2;
    layer_norm_without_parameters: [5] -> [5] { LayerNorm<NoAffine> }, 2;
    rms_norm: [7] -> [7] { RmsNorm(0.01) }, 1, 3;
    rms_norm_of_rows: [3, 5] -> [3, 5] { RmsNorm<_, NoAffine> }, 2;
    group_norm: [2, 3, 6] -> [2, 3, 6] { GroupNorm<2, _> }, 1, 3;
    group_norm_of_vectors: [12] -> [12] { GroupNorm<3, _, NoAffine> }, 2;
    group_norm_of_rows: [4, 70] -> [4, 70] { GroupNorm<1, _> }, 2;
    instance_norm: [3, 2, 4] -> [3, 2, 4] { InstanceNorm2d<_> }, 2;
    instance_norm_with_parameters: [3, 2, 4] -> [3, 2, 4] { InstanceNorm2d<_, Affine> }, 1, 3;
    batch_norm: [5] -> [5] { BatchNorm1d<_> }, 3, 8;
    batch_norm_of_rows: [4, 3] -> [4, 3] { BatchNorm1d<_>(0.1, 0.1) }, 1, 3;
    batch_norm_of_images: [2, 3, 4] -> [2, 3, 4] { BatchNorm2d<_> }, 1, 3;
    batch_norm_without_parameters: [2, 3, 4] -> [2, 3, 4] { BatchNorm2d<_, NoAffine> }, 2;
    norms_between: [4] -> [3] { Linear<_, 6>, LayerNorm, Relu, Linear<_, 8>, BatchNorm1d<_>, Tanh, GroupNorm<2, _>,
        Linear<_, 3>, RmsNorm }, 2, 5;
    batch_norm_in_blocks: [4, 3, 3] -> [4, 3, 3] { Residual { Conv2d<_, 3, 3, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
        Residual { BatchNorm2d<_, NoAffine>, Conv2d<_, 3, 1> } }, Repeat<2> { BatchNorm2d<_>, Tanh } }, 3;
    dropout_of_channels: [3, 2, 9] -> [3, 2, 9] { Dropout2d(0.3) }, 1, 3;
    dropout_of_many_channels: [2, 1, 70] -> [2, 1, 70] { Dropout2d(0.5), Tanh }, 2;

    // Layers that work in place must not overwrite what the one before reads on the way back.
    chain_of_places: [8] -> [8] { Linear<_, 8>, Tanh, Dropout(0.3), Relu }, 1, 4;
    softmax_relu: [6] -> [6] { Softmax, Relu }, 3;
    softmax_tanh_linear: [6] -> [2] { Softmax, Tanh, Linear<_, 2> }, 3;
    begins_with_activation: [6] -> [2] { Tanh, Linear<_, 4>, Sigmoid, Linear<_, 2> }, 3;
    begins_with_dropout: [10] -> [2] { Dropout(0.2), Linear<_, 2> }, 4;
    begins_with_view_and_activation: [2, 3] -> [4] { Flatten, Sigmoid, Linear<_, 4> }, 2;
    ends_with_activation: [5] -> [4] { Linear<_, 6>, Relu, Linear<_, 4>, Sigmoid }, 3;
    ends_with_view: [5] -> [2, 2] { Linear<_, 4>, Tanh, Reshape<2, _> }, 3;
    two_activations: [5] -> [3] { Linear<_, 5>, Tanh, Sigmoid, Linear<_, 3>, Sigmoid, Tanh }, 3;
    activation_view_activation: [4] -> [2, 2] { Linear<_, 4>, Tanh, Reshape<2, 2>, Sigmoid }, 3;
    dropouts_in_a_row: [20] -> [20] { Dropout(0.2), Dropout(0.3), Tanh, Dropout }, 2;
    all_kinds_in_a_row: [6] -> [3] { Elu, Silu, Relu6, Mish, LeakyRelu, PRelu, Softsign, Linear<_, 3>, LogSoftmax }, 3;
    gelu_in_the_middle: [5] -> [3] { Linear<_, 5>, Gelu, Relu, Gelu, Linear<_, 3> }, 3;
    deep: [7] -> [2] { Linear<_, 9>, Relu, Linear<_, 8>, Tanh, Linear<_, 7>, Gelu, Linear<_, 2>, Softmax }, 4;

    own_scale: [5] -> [5] { Scale<_> }, 1, 3;
    own_swish: [3, 4] -> [3, 4] { Swish(1.5) }, 1, 3;
    own_layers: [6] -> [4] { Linear<_, 5>, Swish, Scale<5>, Tanh, Swish(0.5), Linear<_, 4> }, 3;
}

network! { struct Inner: [5] -> [4] as f64 { fc: Linear<_, 4>, Tanh } }
network! { struct Noisy: [4] -> [4] as f64 { Dropout(0.25), Relu } }
network! { struct Middle: [5] -> [4] as f64 { inner: Inner, Dropout(0.2), noisy: Noisy, scale: Scale<_> } }

gradients! {
    nested: [3] -> [2] { Linear<_, 5>, Relu, inner: Inner, Relu, head: Linear<_, 2> }, 1, 4;
    nested_alone: [5] -> [4] { Inner }, 3;
    nested_twice: [5] -> [2] { a: Middle, b: Linear<_, 5>, c: Middle, Linear<_, 2> }, 3;
    nested_and_places: [5] -> [4] { Tanh, Inner, Dropout(0.4), Relu, Noisy, Sigmoid }, 3;
}

#[test]
fn mse() {
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let loss = Mse.reduction(reduction);
        check_loss::<Rank0, _>(&loss, &random(3, 5));
        check_loss::<Rank1<7>, _>(&loss, &random(4, 5));
        check_loss::<Rank3<2, 3, 4>, _>(&loss, &random(2, 5));
    }
}

#[test]
fn bce_with_logits() {
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let loss = BceWithLogits.reduction(reduction);
        let targets: Vec<Tensor1<7, f64>> = random(4, 5)
            .iter()
            .map(|t: &Tensor1<7, f64>| t * t)
            .collect();
        check_loss::<Rank1<7>, _>(&loss, &targets);
        let hard: Vec<Tensor2<2, 3, f64>> = random(3, 6)
            .iter()
            .map(|t: &Tensor2<2, 3, f64>| t.map(|x| f64::from(u8::from(x > 0.0))))
            .collect();
        check_loss::<Rank2<2, 3>, _>(&loss, &hard);
    }
}

#[test]
fn cross_entropy() {
    let label = |i: usize| Label::<4>::new(i % 4).expect("a class");
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let loss = CrossEntropy.reduction(reduction);
        check_loss::<Rank1<4>, _>(&loss, &[label(0), label(3), label(1), label(1), label(2)]);
        check_loss::<Rank1<1>, _>(&loss, &[Label::default()]);
        check_loss::<Rank2<3, 4>, _>(
            &loss,
            &[
                [label(0), label(2), label(2)],
                [label(1), label(3), label(0)],
            ],
        );
        let image =
            |first: usize| [0, 1, 2].map(|row| [label(first + row), label(first + 3 * row)]);
        check_loss::<Rank3<3, 2, 4>, _>(&loss, &[image(0), image(1)]);
    }
}

/// The mean of a batch of sequences is over all labels, as in PyTorch.
#[test]
fn cross_entropy_of_a_sequence_is_that_of_its_positions() {
    let labels = [0, 2, 1, 1, 0, 2].map(|i| Label::<3>::new(i).expect("a class"));
    let rows: Vec<Tensor1<3, f64>> = random(6, 8);
    let sequences: Vec<Tensor2<3, 3, f64>> = rows
        .chunks(3)
        .map(|rows| Tensor2::from([0, 1, 2].map(|i| *rows[i].as_array())))
        .collect();
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let loss = CrossEntropy.reduction(reduction);
        let (mut by_rows, mut by_sequences) =
            (vec![Tensor1::zeros(); 6], vec![Tensor2::zeros(); 2]);
        let one = loss.loss(&rows, &labels, &mut by_rows);
        let other = loss.loss(&sequences, labels.as_chunks::<3>().0, &mut by_sequences);
        assert_eq!(one, other);
        assert_eq!(Tensor::flatten(&by_rows), Tensor::flatten(&by_sequences));
    }
}

/// In training mode, the power iteration moves with the weight, and its gradient is that of fixed
/// vectors: the differences are taken where the vectors are fixed.
#[test]
fn spectral_norm() {
    network! {
        struct Dense: [5] -> [3] as f64 {
            SpectralNorm<Linear<_, 7>>, Tanh, SpectralNorm<Linear<_, 3, NoBias>>,
        }
    }
    network! {
        struct Images: [6, 5, 2] -> [4] as f64 {
            SpectralNorm<Conv2d<_, 6, 3, Groups<2>, Pad<1>>>,
            LeakyRelu(0.1),
            Residual { SpectralNorm<Conv2d<_, 6, 1, NoBias>>, Tanh },
            Reshape<10, 18>,
            SpectralNorm<Conv1d<_, 4, 3, Stride<2>>>,
            SelectLast,
        }
    }
    check_network_in::<Dense>(1, |workspace| workspace.eval(layer!(Dense)));
    check_network_in::<Dense>(4, |workspace| workspace.eval(layer!(Dense)));
    check_network_in::<Images>(3, |workspace| workspace.eval(layer!(Images)));
}
