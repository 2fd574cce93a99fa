//! Layers and networks in 8 bits.

use crate::common::{random, settings};
use shapewright::nn::{Calibration, QuantizeErrorKind};
use shapewright::prelude::*;
use shapewright::tensor::{Rank0, Rank2};

network! { struct Dense: [4, 37] -> [4, 11] { fc: Int8<Linear<_, 11>> } }

network! {
    #[quantized(EveryInt8, training = EveryTraining)]
    struct Every: [9, 8, 4] -> [5] {
        stem: Conv2d<_, 8, 3, Pad<1>, NoBias>,
        BatchNorm2d<_>,
        Relu,
        depthwise: Conv2d<_, 8, 3, Pad<1>, Groups<8>, Stride<1, 2>>,
        grouped: Conv2d<_, 12, (2, 3), Groups<2>, Dilation<2, 1>, Pad<1>>,
        Tanh,
        block: Residual {
            a: Conv2d<_, 12, 1, NoBias>,
            BatchNorm2d<_>,
            Gelu,
            Dropout2d(0.2),
            b: SpectralNorm<Conv2d<_, 12, 3, Pad<1>>>,
        },
        twice: Repeat<2> { Conv2d<_, 12, 3, Pad<1>>, norm: LayerNorm, Relu },
        pool: MaxPool2d<2>,
        Flatten,
        rows: Linear<_, 30, NoBias>,
        Reshape<10, 3>,
        Conv1d<_, 6, 3, Causal, Stride<2>>,
        inner: Inner,
        plain: Plain,
        Flatten,
        head: Linear<_, 5>,
    }
}
network! {
    #[quantized(InnerInt8)]
    struct Inner: [5, 6] -> [5, 4] { up: Linear<_, 7>, Silu, Linear<_, 4> }
}
network! { struct Plain: [5, 4] -> [5, 4] { Linear<_, 4>, Tanh } }

network! {
    #[quantized(TiedInt8)]
    struct Tied: [6] -> [6] { fc: Linear<_, 6>, Tanh, #[tied(fc)] Linear<_, 6>, head: Linear<_, 6> }
}

network! {
    #[quantized(SmallInt8, training = SmallTraining)]
    struct Small: [3] -> [2] { fc: Linear<_, 8>, Relu, head: Linear<_, 2> }
}

/// Returns a network whose statistics and biases are not those of the beginning.
fn every() -> Box<Every> {
    let mut net = Every::init(&mut shapewright::rng(3));
    let mut index = 0.0_f32;
    net.for_each_param_mut(|name, _, values| {
        for value in values.iter_mut() {
            index += 1.0;
            let noise = 0.1 * (index * 0.7).sin();
            match name.ends_with("_var") {
                true => *value = 1.0 + noise,
                false if !name.ends_with("weight_u") => *value += noise,
                false => {}
            }
        }
    });
    net
}

fn outputs<N: Network<Element = f32>>(net: &N, x: &[Tensor<N::Input>]) -> Vec<Vec<u32>> {
    let mut y = vec![Tensor::<N::Output>::zeros(); x.len()];
    net.forward_batch(x, &mut y);
    y.iter()
        .map(|y| y.iter().map(|y| y.to_bits()).collect())
        .collect()
}

#[test]
fn a_layer_computes_what_its_numbers_say() {
    let mut net = Dense::zeros();
    net.fc.weight.fill_with(|i| ((i * 89) % 255) as u8 as i8);
    net.fc.weight_scale = core::array::from_fn(|o| 0.01 + 0.003 * o as f32);
    net.fc.bias = core::array::from_fn(|o| o as f32 - 4.5);
    net.fc.input_scale = 0.007;
    net.fc.input_zero_point = Tensor0::from(100).into();

    let x: Vec<Tensor2<4, 37>> = random(9, 2);
    let bits = outputs(&*net, &x);
    for (x, bits) in x.iter().zip(&bits) {
        let weight = net.fc.weight.as_array();
        for (row, bits) in x.as_array().iter().zip(bits.chunks(11)) {
            for (o, &bits) in bits.iter().enumerate() {
                let sum: i64 = (0..37)
                    .map(|i| {
                        let q = (row[i] / 0.007_f32).round_ties_even() as i64 + 100;
                        (q.clamp(0, 255) - 100) * i64::from(weight[o][i])
                    })
                    .sum();
                let want = sum as f32 * (0.007 * net.fc.weight_scale[o]) + net.fc.bias[o];
                assert_eq!(f32::from_bits(bits), want);
            }
        }
    }
}

/// The quantized network and that for training have the same bits, alone, in a batch, in every tier
/// and with any number of threads, and are near to the original.
#[test]
fn quantized_networks_have_the_same_bits_everywhere() {
    let net = every();
    let x: Vec<_> = random(10, 5);
    let training = net
        .quantized_training(&Calibration::min_max(), &x)
        .expect("finite numbers");
    let int8 = training.quantized().expect("all ranges");
    assert_eq!(
        outputs(
            &*net
                .quantized(&Calibration::min_max(), &x)
                .expect("the same"),
            &x
        ),
        outputs(&*int8, &x)
    );

    // Layers in `f32` between those of 8 bits may differ in the last place between tiers.
    let held = settings();
    held.every_tier(|_| {
        held.every_threads(&[1, 2], |_| {
            let want = outputs(&*int8, &x);
            assert_eq!(outputs(&*training, &x), want);
            let mut workspace = EveryTraining::workspace();
            let pass = training.forward_train(&x, &mut workspace);
            for (y, want) in pass.outputs().iter().zip(&want) {
                assert_eq!(y.iter().map(|y| y.to_bits()).collect::<Vec<_>>(), *want);
            }
            for (x, want) in x.iter().zip(&want) {
                let y = int8.forward(x);
                assert_eq!(y.iter().map(|y| y.to_bits()).collect::<Vec<_>>(), *want);
            }
        });
    });

    for x in &x {
        let (y, same) = (net.forward(x), int8.forward(x));
        for (y, same) in y.iter().zip(same.iter()) {
            assert!((y - same).abs() < 0.05, "{y} {same}");
        }
    }
}

#[test]
fn a_network_of_integers_has_the_same_bits_in_every_tier() {
    network! {
        #[quantized(OnlyInt8)]
        struct Only: [12, 11, 3] -> [4] {
            Conv2d<_, 9, 3>, Relu, MaxPool2d<2>, Conv2d<_, 9, 3, Groups<9>>, Relu, Flatten, Linear<_, 4>,
        }
    }
    let net = Only::init(&mut shapewright::rng(1));
    let x: Vec<_> = random(7, 5);
    let int8 = net
        .quantized(&Calibration::percentile(99.9), &x)
        .expect("finite numbers");
    let want = outputs(&*int8, &x);
    settings().every_tier(|_| assert_eq!(outputs(&*int8, &x), want));
}

/// Each layer that has an 8-bit form is one; batch normalizations are gone.
#[test]
fn the_summary_says_which_layers_have_8_bits() {
    let int8 = EveryInt8::summary().to_string();
    let lines = |text: &str| int8.lines().filter(|line| line.contains(text)).count();
    assert_eq!(lines("Int8<Conv2d<_, 12, 3, Pad<1>>>"), 2, "{int8}");
    assert!(int8.contains("depthwise: Int8<Conv2d<_, 8, 3, Pad<1>, Groups<8>, Stride<1, 2>>>"));
    assert!(!int8.contains("BatchNorm") && !int8.contains("Dropout"));
    assert!(!int8.contains("SpectralNorm"));
    assert_eq!(lines("Int8<"), 9, "{int8}");
    assert!(
        EveryTraining::summary()
            .to_string()
            .contains("head: FakeQuantize<Linear<_, 5>>")
    );
    assert!(size_of::<EveryInt8>() < size_of::<Every>() / 2);

    // Shared parameters stay as they are.
    let tied = TiedInt8::summary().to_string();
    assert!(
        tied.contains("fc: Linear<_, 6>") && tied.contains("head: Int8<Linear<_, 6>>"),
        "{tied}"
    );
    let net = Tied::init(&mut shapewright::rng(1));
    let x: Vec<_> = random(5, 1);
    let int8 = net.quantized(&Calibration::entropy(), &x).expect("numbers");
    assert_eq!(int8.fc, net.fc);
}

/// The gradient is that of the network with rounded inputs and weights.
#[test]
fn the_gradient_goes_straight_through() {
    network! { #[quantized(OneInt8, training = OneTraining)] struct One: [2, 6] -> [2, 3] { fc: Linear<_, 3> } }
    let net = One::init(&mut shapewright::rng(1));
    let x: Vec<Tensor2<2, 6>> = random(3, 2);
    let mut training = net
        .quantized_training(&Calibration::min_max(), &x)
        .expect("numbers");
    // Half of the range is cut off.
    training.fc.input_scale /= 2.0;
    let int8 = training.quantized().expect("a range");

    let mut rounded = net.to_boxed();
    let scale = &int8.fc.weight_scale;
    for i in 0..6 {
        for (o, &scale) in scale.iter().enumerate() {
            rounded.fc.weight[i][o] = f32::from(int8.fc.weight.as_array()[o][i]) * scale;
        }
    }
    let (step, zero) = (
        int8.fc.input_scale,
        f32::from(int8.fc.input_zero_point.as_slice()[0]),
    );
    let quantize = |x: f32| (x / step).round_ties_even() + zero;
    let rounded_x: Vec<Tensor2<2, 6>> = x
        .iter()
        .map(|x| x.map(|x| (quantize(x).clamp(0.0, 255.0) - zero) * step))
        .collect();

    let targets: Vec<Tensor2<2, 3>> = random(3, 7);
    let mut gradient = OneTraining::zeros();
    let mut workspace = OneTraining::workspace();
    let mut pass = training.forward_train(&x, &mut workspace);
    pass.loss(&Mse, &targets);
    let dx: Vec<_> = pass.backward_with_input(&mut gradient).to_vec();

    let mut want = One::zeros();
    let mut workspace = One::workspace();
    let mut pass = rounded.forward_train(&rounded_x, &mut workspace);
    pass.loss(&Mse, &targets);
    let want_dx: Vec<_> = pass.backward_with_input(&mut want).to_vec();

    for (got, want) in gradient
        .fc
        .layer
        .weight
        .iter()
        .flatten()
        .zip(want.fc.weight.iter().flatten())
    {
        assert!((got - want).abs() < 1e-5, "{got} {want}");
    }
    assert_eq!(
        (gradient.fc.input_scale, gradient.fc.input_zero_point),
        (0.0, 0.0)
    );
    let mut cut = 0;
    for ((dx, want), x) in dx.iter().zip(&want_dx).zip(&x) {
        for ((dx, want), &x) in dx.iter().zip(want.iter()).zip(x.iter()) {
            let is_inside = (0.0..=255.0).contains(&quantize(x));
            cut += usize::from(!is_inside);
            let want = if is_inside { *want } else { 0.0 };
            assert!((dx - want).abs() < 1e-5, "{dx} {want}");
        }
    }
    assert!(cut > 5 && cut < 31, "{cut}");
}

#[test]
fn training_lowers_the_loss_of_the_quantized_network() {
    let net = Small::init(&mut shapewright::rng(1));
    let x: Vec<Tensor1<3>> = random(64, 2);
    let y: Vec<Tensor1<2>> = x
        .iter()
        .map(|x| Tensor1::from([x[0] * x[1], x[2] - x[0]]))
        .collect();
    let calibration = Calibration::min_max();
    let mut training = net.quantized_training(&calibration, &x).expect("numbers");
    let loss = |net: &SmallInt8| -> f32 {
        let difference = |(x, y): (&Tensor1<3>, &Tensor1<2>)| {
            let found = net.forward(x);
            (0..2).map(|i| (found[i] - y[i]).powi(2)).sum::<f32>()
        };
        x.iter().zip(&y).map(difference).sum()
    };
    let before = loss(&training.quantized().expect("ranges"));
    let (scale, zero) = (training.fc.input_scale, training.fc.input_zero_point);
    SmallTraining::trainer(AdamW::new(0.01), Mse)
        .epochs(60)
        .fit(&mut training, &x, &y)
        .expect("a training");
    let after = loss(&training.quantized().expect("ranges"));
    assert!(after < before / 4.0, "{before} {after}");
    assert_eq!(
        (training.fc.input_scale, training.fc.input_zero_point),
        (scale, zero)
    );
}

#[test]
fn what_cannot_be_quantized_is_an_error() {
    let net = Small::init(&mut shapewright::rng(1));
    let calibration = Calibration::min_max();
    let kind = |x: &[Tensor1<3>]| {
        net.quantized(&calibration, x)
            .map_err(|error| error.kind)
            .err()
    };
    assert_eq!(kind(&[]), Some(QuantizeErrorKind::NoSamples));
    for wrong in [f32::NAN, f32::INFINITY] {
        let x = [Tensor1::from([0.0, 1.0, wrong])];
        assert_eq!(kind(&x), Some(QuantizeErrorKind::NotFinite));
    }
    let error = SmallTraining::zeros()
        .quantized()
        .map(|_| ())
        .expect_err("no ranges");
    assert_eq!(error.kind, QuantizeErrorKind::NotCalibrated);
    assert!(error.to_string().contains("quantized_training"));

    // All inputs are 0.
    let int8 = net
        .quantized(&calibration, &[Tensor1::zeros()])
        .expect("zeros");
    assert_eq!(int8.fc.input_scale, 1.0);
    assert_eq!(
        outputs(&*int8, &[Tensor1::zeros()]),
        outputs(&*int8, &[Tensor1::zeros()])
    );
}

/// Files have PyTorch's order of axes and features.
#[test]
fn files_have_the_same_network_and_pytorchs_order() {
    let net = every();
    let x: Vec<_> = random(4, 5);
    let int8 = net.quantized(&Calibration::min_max(), &x).expect("numbers");
    let bytes = int8.to_safetensors(&[]);
    let mut same = EveryInt8::zeros();
    let loader = shapewright::weights::Loader::from_bytes(&bytes).expect("a file");
    same.load_from(&loader).expect("the weights");
    assert_eq!(outputs(&*same, &x), outputs(&*int8, &x));

    network! { struct Image: [2, 3, 2] -> [1] { Flatten, fc: Int8<Linear<_, 1>> } }
    network! { struct Row: [12] -> [1] { fc: Int8<Linear<_, 1>> } }
    network! { struct Conv: [2, 3, 2] -> [1, 2, 3] { conv: Int8<Conv2d<_, 3, 2>> } }
    network! { struct Float: [2, 3, 2] -> [1, 2, 3] { conv: Conv2d<_, 3, 2> } }
    let mut image = Image::zeros();
    image.fc.weight.fill_with(|i| i as i8);
    let bytes = image.to_safetensors(&[]);
    let mut row = Row::zeros();
    row.load_from(&shapewright::weights::Loader::from_bytes(&bytes).expect("a file"))
        .expect("the weights");
    assert_eq!(
        row.fc.weight.as_slice(),
        [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
    );

    // An 8-bit weight has the axes of the file as that in `f32` has them.
    let mut conv = Conv::zeros();
    conv.conv.weight.fill_with(|i| i as i8);
    let mut float = Float::zeros();
    for ky in 0..2 {
        for kx in 0..2 {
            for ci in 0..2 {
                for co in 0..3 {
                    let value = conv.conv.weight.as_array()[co][ky][kx][ci];
                    float.conv.weight[ky][kx][ci][co] = f32::from(value);
                }
            }
        }
    }
    let (bytes, floats) = (conv.to_safetensors(&[]), float.to_safetensors(&[]));
    let numbers: Vec<f32> = data(&bytes, "conv.weight")
        .iter()
        .map(|&x| f32::from(x as i8))
        .collect();
    let want: Vec<f32> = data(&floats, "conv.weight")
        .chunks_exact(4)
        .map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]]))
        .collect();
    assert_eq!(numbers, want);
}

/// Returns the bytes of a tensor in a file.
fn data<'a>(file: &'a [u8], name: &str) -> &'a [u8] {
    let len = u64::from_le_bytes(*file.first_chunk().expect("a length")) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + len]).expect("a header");
    let at = |i: usize| header[name]["data_offsets"][i].as_u64().expect("an offset") as usize;
    &file[8 + len..][at(0)..at(1)]
}

/// The fields have the types that the documentation says.
#[test]
fn parameters_are_public() {
    let mut net = Dense::zeros();
    let _: &shapewright::ext::Buffer<Rank2<11, 37>, i8> = &net.fc.weight;
    let _: &shapewright::ext::Buffer<Rank0, u8> = &net.fc.input_zero_point;
    net.fc.input_scale = 1.0;
}
