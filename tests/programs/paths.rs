//! Layers by path and under other names, and the macro by path and under other names.

/// One network per layer, written with its path.
macro_rules! by_path {
    ($($module:ident: $input:tt -> $output:tt { $($layers:tt)* })*) => { $(
        mod $module {
            use shapewright::{Network as _, nn};

            shapewright::network! { struct Net: $input -> $output { $($layers)* } }

            #[test]
            fn is_the_layer_of_the_library() {
                let _ = nn::Relu;
                let y = Net::init(&mut shapewright::rng(0)).forward(&shapewright::Tensor::ones());
                assert!(y.iter().all(|y| y.is_finite()));
            }
        }
    )* };
}

shapewright::network! {
    /// A cell of the networks that scan.
    struct Cell: (x: [3], h: [2]) -> (y: [3], next: [2]) {
        both: shapewright::nn::Concat <- (x, h),
        next: shapewright::nn::Linear<_, 2>,
        y: shapewright::nn::Linear<_, 3>,
    }
}

by_path! {
    linear: [4] -> [3] { shapewright::nn::Linear<_, 3> }
    linear_without_bias: [4] -> [3] { shapewright::nn::Linear<_, 3, NoBias> }
    linear_from_the_root: [4] -> [3] { ::shapewright::nn::Linear<4, 3> }
    linear_of_the_prelude: [4] -> [3] { shapewright::prelude::Linear<4, 3> }
    linear_of_a_module: [4] -> [3] { fc: nn::Linear<4, 3> }
    conv1d: [9, 2] -> [7, 4] { nn::Conv1d<_, 4, 3> }
    conv2d: [8, 8, 3] -> [6, 6, 4] { shapewright::nn::Conv2d<_, 4, 3> }
    conv2d_with_options: [8, 8, 4] -> [4, 4, 8] { nn::Conv2d<4, 8, 3, Stride<2>, Pad<1>, Groups<2>, NoBias> }
    conv2d_with_a_pair: [8, 8, 4] -> [6, 4, 8] { nn::Conv2d<_, 8, (3, 5)> }
    conv_transpose: [3, 3, 2] -> [6, 6, 1] { nn::ConvTranspose2d<_, 1, 2, Stride<2>> }
    max_pool: [4, 4, 2] -> [2, 2, 2] { nn::MaxPool2d<2> }
    avg_pool: [4, 4, 2] -> [2, 2, 2] { nn::AvgPool2d<3, Stride<2>, Pad<1>, ExcludePad> }
    global_pool: [4, 4, 2] -> [2] { nn::GlobalAvgPool2d }
    padding: [4, 4, 2] -> [6, 6, 2] { nn::ZeroPad2d<1> }
    other_padding: [4, 4, 2] -> [4, 11, 1] { nn::ReflectionPad2d<(1, 1, 0, 0)>, nn::ReplicationPad2d<(1, 2, 0, 0)>,
        nn::Overlap<2>, nn::Magnitude }
    upsample: [2, 2, 1] -> [4, 6, 1] { nn::Upsample<(2, 3)> }
    flatten_and_reshape: [4, 4] -> [2, 8] { nn::Flatten, nn::Reshape<2, _> }
    over_time: [4, 3] -> [3] { nn::Slice<1, 3>, nn::ReflectionPad1d<(1, 0)>, nn::ZeroPad1d<1>, nn::ReplicationPad1d<2>,
        nn::MaxOverTime, x: nn::Reshape<1, _>, nn::MeanOverTime }
    axes_of_sequences: [3, 5] -> [3] { nn::Transpose, nn::Permute<1, 0>, nn::Permute<1, 0>, nn::SelectLast }
    attention: [3, 6] -> [3, 6] { nn::MultiHeadAttention<_, 2, Causal>(0.1), nn::MultiHeadAttention<6, 3> }
    positions: [3, 6] -> [3, 6] { nn::PositionalEmbedding, nn::PositionalEmbedding<9>, nn::PositionalEncoding }
    activations: [4] -> [4] { nn::Relu, nn::Gelu, nn::LeakyRelu(0.1), nn::PRelu, nn::Softmax }
    dropout: [4] -> [4] { nn::Dropout(0.5), nn::Dropout }
    norms: [6, 4] -> [6, 4] { nn::LayerNorm<_>, nn::LayerNorm(1e-6), nn::RmsNorm, nn::LayerNorm<6, 4, NoBias> }
    batch_norm: [4, 4, 3] -> [4, 4, 3] { nn::BatchNorm2d<_>, nn::BatchNorm2d<3>(0.2, 1e-3), nn::GroupNorm<3, _> }
    recurrent: [6, 3] -> [6, 5] { nn::Lstm<_, 4>, nn::Gru<_, 4, Layers<2>>(0.1), nn::Rnn<_, 5, Relu, NoBias> }
    scan: [6, 3] -> [6, 3] { nn::Scan<super::Cell>, last: shapewright::nn::Scan<super::Cell, FinalState>, nn::SelectPart<0> }
    parts: [6, 3] -> [4] { nn::Gru<_, 4, FinalState>, nn::SelectPart<1> }
    embedding: [5] -> [5, 3] { nn::Embedding<7, 3, PaddingIdx<0>> }
    blocks: [4] -> [12] { nn::Residual { nn::Linear<_, 4> }, nn::Concat { a: nn::Tanh, b: nn::Linear<_, 8> } }
    split: [4] -> ([2], [3]) { nn::Split { nn::Linear<_, 2>, nn::Linear<_, 3> } }
    repeat: [4] -> [4] { nn::Repeat<3> { nn::Linear<_, 4>, nn::Tanh } }
    merges: [4] -> [8] { a: nn::Tanh, b: nn::Relu, sum: nn::Add <- (a, b), nn::Concat <- (sum, a) }
}

/// Layers under other names, with their defaults.
mod renamed {
    use shapewright::nn::{
        AvgPool2d as Average, BatchNorm2d as Norm, Conv1d as Row, Conv2d as Conv,
        ConvTranspose2d as Up, Dropout as Drop, Flatten as Flat, Linear as Dense,
        MaxPool2d as Pool, Relu as Act, ZeroPad2d as Zero,
    };
    use shapewright::prelude::*;

    network! {
        struct Image: [28, 28, 1] -> [10] {
            stem: Conv<_, 4, 3>,
            Norm<_>,
            Act,
            Pool<2>,
            Zero<1>,
            Up<_, 2, 2>,
            Average<2>,
            Drop(0.3),
            Flat,
            head: Dense<_, 10>,
        }
    }
    network! {
        struct Plain: [28, 28, 1] -> [10] {
            stem: Conv2d<_, 4, 3>,
            BatchNorm2d<_>,
            Relu,
            MaxPool2d<2>,
            ZeroPad2d<1>,
            ConvTranspose2d<_, 2, 2>,
            AvgPool2d<2>,
            Dropout(0.3),
            Flatten,
            head: Linear<_, 10>,
        }
    }
    network! { struct Signal: [9, 2] -> [7, 3] { Row<_, 3, 3> } }

    #[test]
    fn compute_the_same() {
        let image = Tensor::random(rand::distr::StandardUniform, &mut shapewright::rng(1));
        let renamed = Image::init(&mut shapewright::rng(0));
        let plain = Plain::init(&mut shapewright::rng(0));
        assert_eq!(renamed.params(), plain.params());
        assert_eq!(renamed.forward(&image), plain.forward(&image));
        assert_eq!(Image::MACS, Plain::MACS);
        assert_eq!(Signal::PARAMS, 3 * 2 * 3 + 3);
    }
}

/// Layers of the user's own with the names of built-in ones.
mod own_layers_of_these_names {
    use shapewright::prelude::*;

    mod nn {
        use shapewright::prelude::*;
        network! { pub struct Linear: [4] -> [4] { Tanh } }
        network! { pub struct Conv2d: [4] -> [4] { Relu } }
    }
    network! { struct Net: [4] -> [4] { self::nn::Linear, crate::paths::own_layers_of_these_names::nn::Conv2d } }

    #[test]
    fn are_the_users() {
        assert_eq!(Net::PARAMS, 0);
    }
}

/// The macro under another name.
mod macro_renamed {
    use shapewright::Network as _;
    use shapewright::network as net;
    use shapewright::nn;

    net! { struct Renamed: [4] -> [3] { nn::Linear<_, 3> } }

    #[test]
    fn is_the_same() {
        assert_eq!(Renamed::PARAMS, 15);
    }
}

/// The macro and the layers through a module that re-exports everything, as a facade crate does.
mod facade {
    mod ml {
        pub use shapewright::*;
    }
    use ml::{Network as _, Parameters, prelude::*};

    ml::network! { struct Facade: [4] -> [3] { ml::nn::Linear<_, 3>, Softmax } }

    #[derive(Parameters)]
    #[params(crate = crate::paths::facade::ml)]
    #[repr(C)]
    struct Own {
        #[params(features)]
        scale: [f32; 4],
    }

    #[test]
    fn is_the_same() {
        assert_eq!(Facade::PARAMS, 15);
        assert_eq!(<Own as Parameters<f32>>::LEN, 4);
        assert_eq!(Own { scale: [1.0; 4] }.scale.len(), 4);
    }
}

/// The crate under another name.
mod crate_renamed {
    extern crate shapewright as nn_lib;
    use nn_lib::{Network as _, nn};

    nn_lib::network! { struct Renamed: [4] -> [3] { nn_lib::nn::Linear<_, 3>, nn::Softmax } }

    #[test]
    fn is_the_same() {
        assert_eq!(Renamed::PARAMS, 15);
    }
}
