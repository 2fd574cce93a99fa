//! Normalizations apart from their values.

use crate::common::{bits, random, settings};
use num_traits::ToPrimitive;
use shapewright::prelude::*;
use shapewright::tensor::Element;

network! {
    #[derive(Clone)]
    struct Images: [16, 16, 24] -> [4] {
        first: BatchNorm2d<_>,
        Relu,
        LayerNorm<_, _, _>,
        GroupNorm<3, _>,
        Reshape<_, 24>,
        second: BatchNorm1d<_, NoAffine>,
        LayerNorm,
        Instances,
        Dropout2d,
        Flatten,
        head: Linear<_, 4>,
    }
}
network! { #[derive(Clone)] struct Instances: [256, 24] -> [16, 16, 24] { Reshape<16, 16, 24>, InstanceNorm2d<_, Affine>, RmsNorm } }

/// A step's outputs, gradients and running statistics.
fn step(net: &Images, x: &[Tensor3<16, 16, 24>]) -> Vec<u64> {
    let mut gradient = Images::zeros();
    let mut workspace = Images::workspace();
    workspace.reserve(x.len());
    // Earlier contents of memory do not matter.
    workspace.fill_with(f32::NAN);
    let mut pass = net.forward_train(x, &mut workspace);
    let outputs = bits(Tensor::flatten(pass.outputs()));
    pass.output_gradients_mut()
        .copy_from_slice(&random(x.len(), 7));
    let dx = bits(Tensor::flatten(pass.backward_with_input(&mut gradient)));
    let all = [outputs, dx, bits(gradient.params())].concat();
    assert!(all.iter().all(|&bits| f64::from_bits(bits).is_finite()));
    all
}

#[test]
fn no_bit_depends_on_the_number_of_threads() {
    let settings = settings();
    let net = Images::init(&mut shapewright::rng(1));
    // A large batch, whose sums are cut, one with fewer samples than blocks, and a single sample.
    for batch in [37, 9, 1] {
        let x = random(batch, 2);
        let mut results = Vec::new();
        settings.every_threads(&[1, 2, 3, 8], |_| results.push(step(&net, &x)));
        assert!(
            results.windows(2).all(|pair| pair[0] == pair[1]),
            "a batch of {batch}"
        );
    }
}

macro_rules! large {
    ($name:ident $($element:tt)*) => {
        network! {
            struct $name: [12, 12, 5] -> [12, 12, 5] $($element)* { norm: BatchNorm2d<_>, GroupNorm<5, _>, LayerNorm }
        }
    };
}
large!(Single);
large!(Double as f64);

/// Outputs, the inputs' gradients, and those of the parameters.
fn results<N: Trainable>(batch: usize) -> [Vec<f64>; 3] {
    let net = N::init(&mut shapewright::rng(0));
    let number = |i: usize| (i * 7919 % 1009) as f64 / 256.0 + 100.0 * (i % 5) as f64;
    let input = |sample: usize| {
        Tensor::from_position(|i| N::Element::from_f64_lossy(number(720 * sample + i)))
    };
    let x: Vec<Tensor<N::Input, N::Element>> = (0..batch).map(input).collect();

    let mut gradient = N::zeros();
    let mut workspace = N::workspace();
    let mut pass = net.forward_train(&x, &mut workspace);

    let wide = |x: &[N::Element]| {
        x.iter()
            .map(|x| num_traits::ToPrimitive::to_f64(x).expect("a number"))
            .collect()
    };

    let y: Vec<f64> = wide(Tensor::flatten(pass.outputs()));
    for (i, g) in pass.output_gradients_mut().iter_mut().enumerate() {
        *g = Tensor::from_position(|j| {
            N::Element::from_f64_lossy(((i * 31 + j * 17) % 64) as f64 / 32.0 - 1.0)
        });
    }

    let dx = wide(Tensor::flatten(pass.backward_with_input(&mut gradient)));
    [y, dx, wide(gradient.params())]
}

/// Batches so large that their sums are cut into blocks.
#[test]
fn large_batches_are_as_exact_as_small_ones() {
    for batch in [2, 50, 70] {
        for (single, double) in results::<Single>(batch)
            .iter()
            .zip(results::<Double>(batch))
        {
            let scale = double.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            let off = single
                .iter()
                .zip(&double)
                .fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
            assert!(off <= 2e-5 * scale, "{off:e} off, of {scale:e}");
        }
    }
}

network! { struct Features: [3] -> [3] { norm: BatchNorm1d<_> } }

/// PyTorch refuses a batch of one value. Here it gives the bias, and the running variance stays.
#[test]
fn a_single_value_has_no_variance() {
    let mut net = Features::init(&mut shapewright::rng(0));
    net.norm.bias = [0.5, 1.0, 2.0];
    net.norm.running_var = [3.0; 3];

    let mut gradient = Features::zeros();
    let mut workspace = Features::workspace();
    let x = [Tensor1::from([4.0, -2.0, 1000.0])];

    let mut pass = net.forward_train(&x, &mut workspace);
    assert_eq!(pass.outputs()[0], Tensor1::from([0.5, 1.0, 2.0]));

    pass.output_gradients_mut()[0] = Tensor1::ones();
    let dx = pass.backward_with_input(&mut gradient);
    assert!(dx[0].iter().all(|dx| dx.abs() < 1e-4), "{dx:?}");
    assert_eq!(
        (gradient.norm.weight, gradient.norm.bias),
        ([0.0; 3], [1.0; 3])
    );

    Sgd::new(0.0).state::<Features>().step(&mut net, &gradient);
    assert_eq!(net.norm.running_var, [3.0; 3]);
    assert_eq!(
        (net.norm.running_mean, net.norm.num_batches_tracked),
        ([0.4, -0.2, 100.0], 1.0)
    );
}

#[test]
fn empty_batches_change_nothing() {
    let mut net = Images::init(&mut shapewright::rng(0));
    let before = net.clone();
    let mut gradient = Images::zeros();
    let mut workspace = Images::workspace();
    let pass = net.forward_train(&[] as &[Tensor3<16, 16, 24>], &mut workspace);
    assert!(pass.outputs().is_empty());
    pass.backward(&mut gradient);
    assert!(gradient.params().iter().all(|&g| g == 0.0));
    Adam::new(0.1).state::<Images>().step(&mut net, &gradient);
    assert_eq!(net.params(), before.params());
}

/// The running statistics approach those of the data, so that inference computes what training did.
#[test]
fn inference_becomes_what_training_was() {
    let mut net = Features::init(&mut shapewright::rng(0));
    let mut gradient = Features::zeros();
    let mut workspace = Features::workspace();
    let x: Vec<Tensor1<3>> = random::<_, f32>(500, 3)
        .into_iter()
        .map(|x| x * 4.0 + 7.0)
        .collect();

    let mut state = Adam::new(0.0).state::<Features>();
    let mut trained = Vec::new();
    for _ in 0..200 {
        let pass = net.forward_train(&x, &mut workspace);
        trained = pass.outputs().to_vec();
        pass.backward(&mut gradient);
        state.step(&mut net, &gradient);
    }

    for (x, trained) in x.iter().zip(trained) {
        assert!(
            (net.forward(x) - trained)
                .iter()
                .all(|off| off.abs() < 0.01)
        );
    }

    assert_eq!(net.norm.num_batches_tracked, 200.0);
}

#[test]
fn names_sizes_and_initial_values() {
    let net = Images::init(&mut shapewright::rng(0));
    let mut names = Vec::new();
    net.for_each_param(|name, sizes, values| {
        if !name.starts_with("head") {
            let initial = if name.ends_with("weight") || name.ends_with("var") {
                1.0
            } else {
                0.0
            };
            assert!(values.iter().all(|&value| value == initial), "{name}");
        }
        names.push(format!("{name} {sizes:?}"));
    });

    let wanted = [
        "first.weight [24]",
        "first.bias [24]",
        "first.running_mean [24]",
        "first.running_var [24]",
        "first.num_batches_tracked []",
        "2.weight [16, 16, 24]",
        "2.bias [16, 16, 24]",
        "3.weight [24]",
        "3.bias [24]",
        "second.running_mean [24]",
        "second.running_var [24]",
        "second.num_batches_tracked []",
        "6.weight [24]",
        "6.bias [24]",
        "7.1.weight [24]",
        "7.1.bias [24]",
        "7.2.weight [24]",
        "head.weight [6144, 4]",
        "head.bias [4]",
    ];
    assert_eq!(names, wanted);

    let trained = 2 * 24 + 2 * 6144 + 2 * 24 + 2 * 24 + 3 * 24 + 4 * 6144 + 4;
    assert_eq!(
        Images::PARAMS,
        trained,
        "running statistics are not trained"
    );
}

network! { struct Defaults: [4, 4, 6] -> [4, 4, 6] { LayerNorm, RmsNorm, Dropout2d, BatchNorm2d<_> } }
network! {
    struct Written: [4, 4, 6] -> [4, 4, 6] {
        LayerNorm<_>(1e-5), RmsNorm<6>(1.1920929e-7), Dropout2d(0.5), BatchNorm2d<6>(1e-5, 0.1),
    }
}

#[test]
fn a_bare_name_means_the_defaults() {
    let defaults = Defaults::init(&mut shapewright::rng(0));
    let written = Written::init(&mut shapewright::rng(0));

    for x in random::<_, f32>(5, 4) {
        let (small, mut defaults, mut written) =
            (x * 1e-3, defaults.to_boxed(), written.to_boxed());
        assert_eq!(
            bits(defaults.forward(&small).as_slice()),
            bits(written.forward(&small).as_slice())
        );

        let run = [small];
        let mut v = Defaults::workspace();
        let mut w = Written::workspace();
        let mut g = Defaults::zeros();
        let mut h = Written::zeros();

        defaults.forward_train(&run, &mut v).backward(&mut g);
        written.forward_train(&run, &mut w).backward(&mut h);
        Sgd::new(0.1).state::<Defaults>().step(&mut defaults, &g);
        Sgd::new(0.1).state::<Written>().step(&mut written, &h);
        assert_eq!(bits(defaults.params()), bits(written.params()));
    }
}

network! { struct Dropped: [3, 5, 130] -> [3, 5, 130] { Dropout2d(0.3) } }

#[test]
fn whole_channels_are_dropped() {
    let net = Dropped::zeros();
    let mut workspace = Dropped::workspace();
    let x = vec![Tensor3::full(2.0); 200];

    let mut kept = 0;
    let outputs = net.forward_train(&x, &mut workspace).outputs().to_vec();
    for y in &outputs {
        let pixels = y.as_slice().as_chunks::<130>().0;
        assert!(pixels.iter().all(|pixel| pixel == &pixels[0]));
        assert!(
            pixels[0]
                .iter()
                .all(|&y| y == 0.0 || (y - 2.0 / 0.7).abs() < 1e-6)
        );
        kept += pixels[0].iter().filter(|&&y| y != 0.0).count();
    }

    // 18,200 expected; the deviation is 74.
    assert!(
        (kept as i64 - 18_200).abs() < 300,
        "{kept} of 26000 channels are kept"
    );
    assert!(
        outputs.windows(2).any(|pair| pair[0] != pair[1]),
        "samples drop their own channels"
    );

    let next = net.forward_train(&x, &mut workspace);
    assert!(next.outputs() != outputs, "every step draws anew");
}

network! { struct LargeRows: [6] -> [6] { LayerNorm } }
network! { struct LargeRoots: [6] -> [6] { RmsNorm } }
network! { struct LargeGroups: [2, 2, 6] -> [2, 2, 6] { GroupNorm<3, _> } }
network! { struct LargeColumns: [2, 2, 3] -> [2, 2, 3] { InstanceNorm2d<_> } }
network! { struct LargeRows64: [6] -> [6] as f64 { LayerNorm } }

/// Asserts that the outputs of inputs times `factor`, whose squares are infinite, are those of the
/// inputs.
macro_rules! outputs_do_not_overflow {
    ($net:ident, $element:ty, $factor:expr) => {
        let net = $net::init(&mut shapewright::rng(0));
        let times = |x: &[Tensor<_, $element>], factor| -> Vec<_> {
            x.iter().map(|x| x.map(|x| x * factor)).collect()
        };
        let x = times(&random(3, 5), 10.0);
        let large = times(&x, $factor);

        for (x, large) in x.iter().zip(&large) {
            let (y, outputs) = (net.forward(x), net.forward(large));
            for (y, output) in y.as_slice().iter().zip(outputs.as_slice()) {
                assert!((y - output).abs() < 1e-4, "{y} and {output}");
            }
        }
    };
}

#[test]
fn outputs_of_large_inputs_do_not_overflow() {
    outputs_do_not_overflow!(LargeRows, f32, 1e25);
    outputs_do_not_overflow!(LargeRows, f32, 1e36);
    outputs_do_not_overflow!(LargeRoots, f32, 1e25);
    outputs_do_not_overflow!(LargeGroups, f32, 1e25);
    outputs_do_not_overflow!(LargeColumns, f32, 1e25);
    outputs_do_not_overflow!(LargeRows64, f64, 1e200);
}

/// Returns the gradients of the inputs and of the parameters, for inputs of the size `factor` that
/// an `f32` can hold, and output gradients of the size `slope`.
fn gradients_at<N: Trainable>(factor: f64, slope: f64) -> [Vec<f64>; 2] {
    let number = |i: usize| f64::from((((i * 7919 % 1009) as f64 / 1009.0 - 0.4) * factor) as f32);
    let input =
        |i: usize| Tensor::from_position(|j| N::Element::from_f64_lossy(number(31 * i + j)));
    let x: Vec<Tensor<N::Input, N::Element>> = (0..3).map(input).collect();

    let mut net = N::init(&mut shapewright::rng(0));
    for (i, p) in net.params_mut().iter_mut().enumerate() {
        *p = N::Element::from_f64_lossy(0.5 + (i % 5) as f64 / 4.0);
    }
    let mut gradient = N::zeros();
    let mut workspace = N::workspace();
    let mut pass = net.forward_train(&x, &mut workspace);
    for (i, g) in pass.output_gradients_mut().iter_mut().enumerate() {
        *g = Tensor::from_position(|j| {
            N::Element::from_f64_lossy((((i * 31 + j * 17) % 64) as f64 / 32.0 - 1.0) * slope)
        });
    }

    let wide = |x: &[N::Element]| -> Vec<f64> {
        x.iter()
            .map(|x| num_traits::ToPrimitive::to_f64(x).expect("a number"))
            .collect()
    };
    let dx = wide(Tensor::flatten(pass.backward_with_input(&mut gradient)));
    [dx, wide(gradient.params())]
}

/// Asserts that the gradients of an `f32` network are those of the `f64` network.
macro_rules! gradients_are_those_of_f64 {
    ($test:ident, [$($dims:literal),*], $factors:expr, $($layer:tt)*) => {
        #[test]
        fn $test() {
            network! { struct Single: [$($dims),*] -> [$($dims),*] { $($layer)* } }
            network! { struct Double: [$($dims),*] -> [$($dims),*] as f64 { $($layer)* } }

            let slopes = [1e-3, 300.0, 1e10];
            for (factor, slope) in $factors.into_iter().flat_map(|x| slopes.map(|y| (x, y))) {
                let single = gradients_at::<Single>(factor, slope);
                for (single, double) in single.iter().zip(gradients_at::<Double>(factor, slope)) {
                    let most = double.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                    if most > f64::from(f32::MAX) {
                        continue;
                    }
                    for (i, (single, double)) in single.iter().zip(&double).enumerate() {
                        let off = (single - double).abs();
                        assert!(
                            off <= 1e-5 * most,
                            "{factor:e}, {slope:e}, {i}: {single:e} and {double:e}"
                        );
                    }
                }
            }
        }
    };
}

/// Sizes of inputs: the squares of some vanish beside `eps`, those of others are infinite.
const SIZES: [f64; 6] = [1.0, 1e-25, 1e15, 1e19, 1e25, 1e36];
/// Sizes for an `eps` of 0, beside which no square vanishes.
const SIZES_WITHOUT_EPS: [f64; 7] = [1.0, 1e-17, 1e-25, 1e-33, 1e19, 1e25, 1e36];
/// Sizes whose running variance is a number.
const SIZES_OF_BATCHES: [f64; 4] = [1.0, 1e-25, 1e15, 1e18];

gradients_are_those_of_f64! { gradients_of_layer_norm, [6], SIZES, LayerNorm }
gradients_are_those_of_f64! { gradients_of_rms_norm, [6], SIZES, RmsNorm(1e-5) }
gradients_are_those_of_f64! { gradients_of_group_norm, [2, 2, 6], SIZES, GroupNorm<3, _> }
gradients_are_those_of_f64! { gradients_of_large_groups, [2, 2, 132], SIZES, GroupNorm<2, _> }
gradients_are_those_of_f64! { gradients_of_instance_norm, [3, 2, 3], SIZES, InstanceNorm2d<_> }
gradients_are_those_of_f64! {
    gradients_of_affine_instances, [3, 2, 3], SIZES, InstanceNorm2d<_, Affine>
}
gradients_are_those_of_f64! {
    gradients_of_batch_norm, [2, 2, 3], SIZES_OF_BATCHES, BatchNorm2d<_>
}
gradients_are_those_of_f64! {
    gradients_of_layer_norm_without_eps, [6], SIZES_WITHOUT_EPS, LayerNorm(0.0)
}
gradients_are_those_of_f64! {
    gradients_of_group_norm_without_eps, [2, 2, 6], SIZES_WITHOUT_EPS, GroupNorm<3, _>(0.0)
}

network! { struct EqualRows: [63] -> [63] { LayerNorm } }
network! { struct EqualGroups: [9, 7, 3] -> [9, 7, 3] { GroupNorm<1, _> } }
network! { struct EqualFeatures: [64] -> [64] { GroupNorm<1, _> } }
network! { struct EqualPixels: [9, 7, 1] -> [9, 7, 1] { InstanceNorm2d<_, Affine> } }
network! { struct EqualPositions: [9, 7] -> [9, 7] { BatchNorm1d<_> } }
network! { struct EqualColumns: [9, 7, 1] -> [9, 7, 1] { BatchNorm2d<_> } }
network! { struct EqualRows64: [63] -> [63] as f64 { LayerNorm } }
network! { struct EqualPixels64: [9, 7, 1] -> [9, 7, 1] as f64 { InstanceNorm2d<_, Affine> } }

/// Normalizes numbers that are all equal, or of which one is a little larger.
fn check_equal<N: Trainable>(number: f64) {
    let number = N::Element::from_f64_lossy(number);
    let net = N::init(&mut shapewright::rng(0));
    let (mut gradient, mut workspace) = (N::zeros(), N::workspace());

    for odd in [false, true] {
        let mut x = vec![Tensor::<N::Input, N::Element>::full(number); 3];
        if odd {
            let ulp = <N::Element as num_traits::Float>::epsilon();
            x[1].as_mut_slice()[5] = number * (N::Element::from_f64_lossy(1.0) + ulp);
        }
        let mut pass = net.forward_train(&x, &mut workspace);
        let most = Tensor::flatten(pass.outputs())
            .iter()
            .map(|y| num_traits::Float::abs(y.to_f64().unwrap()))
            .fold(0.0, |most: f64, y| if y.is_nan() { y } else { most.max(y) });
        let limit = if odd { 16.0 } else { 0.0 };
        assert!(most <= limit, "{} of {number}: {most}", N::NAME);

        pass.output_gradients_mut()
            .iter_mut()
            .for_each(|dy| *dy = Tensor::from_position(|i| N::Element::from_f64_lossy(i as f64)));
        let dx = pass.backward_with_input(&mut gradient);
        let finite = |x: &[N::Element]| x.iter().all(|x| x.to_f64().unwrap().is_finite());
        assert!(finite(Tensor::flatten(dx)), "{} of {number}", N::NAME);
        // The variance itself may be out of range if it is not 0.
        assert!(odd || finite(gradient.params()), "{} of {number}", N::NAME);
    }
}

#[test]
fn equal_numbers_of_any_size_have_no_variance() {
    for number in [1e-30, 0.1, -1e4, 3.3e10, 1e20, 1.1e30, -1.7e38, 3.4e38] {
        check_equal::<EqualRows>(number);
        check_equal::<EqualGroups>(number);
        check_equal::<EqualFeatures>(number);
        check_equal::<EqualPixels>(number);
        check_equal::<EqualPositions>(number);
        check_equal::<EqualColumns>(number);
    }
    for number in [1.1e30, 1.1e200, -1.7e307] {
        check_equal::<EqualRows64>(number);
        check_equal::<EqualPixels64>(number);
    }
}
