//! Initial values: their distributions, compared with PyTorch's, and their numbers at fixed seeds.

use crate::common::reference::{cases, number, text};
use serde_json::Value;
use shapewright::init::{self, Mode, Nonlinearity, Weight};
use shapewright::prelude::*;
use shapewright::{Parameters, tensor::Element};

/// Mean, standard deviation, smallest and largest.
fn statistics<T: Element>(numbers: &[T]) -> [f64; 4] {
    let numbers: Vec<f64> = numbers
        .iter()
        .map(|x| x.to_f64().expect("a number"))
        .collect();
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let variance = numbers.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    [
        mean,
        variance.sqrt(),
        low,
        numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    ]
}

/// Returns a buffer of many numbers on the heap.
fn many() -> Box<[[f64; 400]; 400]> {
    vec![[0.0; 400]; 400].try_into().expect("400 rows")
}

#[test]
fn uniform_numbers_fill_their_range() {
    let mut x = many();
    init::uniform(&mut *x, -1.0, 3.0, &mut shapewright::rng(1));
    let [mean, std, low, high] = statistics(x.as_flattened());
    assert!((mean - 1.0).abs() < 0.01 && (std - 4.0 / 12.0_f64.sqrt()).abs() < 0.01);
    assert!((-1.0..-0.999).contains(&low) && high > 2.999 && high <= 3.0);
    init::uniform(&mut *x, 2.0, 2.0, &mut shapewright::rng(1));
    assert_eq!(statistics(x.as_flattened()), [2.0, 0.0, 2.0, 2.0]);
}

/// Checks the shares of the numbers within 1, 2 and 3 standard deviations, and the third and fourth
/// moments.
#[test]
fn normal_numbers_are_normal() {
    let mut x = many();
    init::normal(&mut *x, 2.0, 0.5, &mut shapewright::rng(2));
    let x = x.as_flattened();
    let [mean, std, low, high] = statistics(x);
    assert!(
        (mean - 2.0).abs() < 0.005 && (std - 0.5).abs() < 0.003,
        "{mean} {std}"
    );
    assert!(
        (-0.5..0.0).contains(&low) && (4.0..4.5).contains(&high),
        "{low} {high}"
    );

    let z: Vec<f64> = x.iter().map(|x| (x - 2.0) / 0.5).collect();
    for (most, part) in [(1.0, 0.682_689), (2.0, 0.954_5), (3.0, 0.997_3)] {
        let inside = z.iter().filter(|z| z.abs() <= most).count() as f64 / z.len() as f64;
        assert!((inside - part).abs() < 0.003, "{inside} within {most}");
    }

    let moment = |power: i32| z.iter().map(|z| z.powi(power)).sum::<f64>() / z.len() as f64;
    assert!(moment(3).abs() < 0.03 && (moment(4) - 3.0).abs() < 0.1);

    // Neighbours are not correlated.
    let together = z.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / z.len() as f64;
    assert!(together.abs() < 0.01);
}

#[test]
fn truncated_normal_numbers_stay_in_their_window() {
    let mut x = many();

    // Mean and standard deviation of the truncated distribution, from `scipy.stats.truncnorm`.
    for (mean, std, a, b, wanted_mean, wanted_std) in [
        (0.0, 1.0, -2.0, 2.0, 0.0, 0.879_626),
        (1.0, 2.0, 0.0, 2.0, 1.0, 0.567_765),
        (0.0, 1.0, 2.0, 9.0, 2.373_216, 0.338_052),
        (0.0, 1.0, -9.0, -5.0, -5.186_504, 0.180_822),
    ] {
        init::truncated_normal(&mut *x, mean, std, a, b, &mut shapewright::rng(3));
        let [found_mean, found_std, low, high] = statistics(x.as_flattened());

        assert!(
            (found_mean - wanted_mean).abs() < 0.003,
            "mean {found_mean} from {a} to {b}"
        );
        assert!(
            (found_std - wanted_std).abs() < 0.003,
            "std {found_std} from {a} to {b}"
        );
        assert!(a <= low && high <= b, "{low} to {high}");
    }

    init::truncated_normal(&mut *x, 3.0, 0.0, -1.0, 1.0, &mut shapewright::rng(3));
    assert_eq!(statistics(x.as_flattened()), [1.0, 0.0, 1.0, 1.0]);
}

fn nonlinearity(case: &Value) -> Nonlinearity {
    match text(case, "nonlinearity") {
        "linear" => Nonlinearity::Linear,
        "sigmoid" => Nonlinearity::Sigmoid,
        "tanh" => Nonlinearity::Tanh,
        "relu" => Nonlinearity::Relu,
        "leaky_relu" => Nonlinearity::LeakyRelu(number(case, "slope")),
        "selu" => Nonlinearity::Selu,
        other => panic!("nonlinearity {other}"),
    }
}

/// Draws until there are enough numbers. The seed is fixed, so the result does not vary.
fn check_weight<W: Weight<f64> + Copy>(zeros: W, case: &Value) {
    let (rng, std, function) = (
        &mut shapewright::rng(5),
        number(case, "std"),
        text(case, "function"),
    );

    let mut numbers = Vec::new();
    while numbers.len() < 20_000 {
        let mut weight = zeros;
        let mode = || {
            if text(case, "mode") == "fan_in" {
                Mode::FanIn
            } else {
                Mode::FanOut
            }
        };

        match function {
            "xavier_uniform" => init::xavier_uniform(&mut weight, number(case, "gain"), rng),
            "xavier_normal" => init::xavier_normal(&mut weight, number(case, "gain"), rng),
            "kaiming_uniform" => {
                init::kaiming_uniform(&mut weight, mode(), nonlinearity(case), rng)
            }
            "kaiming_normal" => init::kaiming_normal(&mut weight, mode(), nonlinearity(case), rng),
            other => panic!("function {other}"),
        }
        numbers.extend_from_slice(weight.as_slice());
    }

    let [mean, found, low, high] = statistics(&numbers);
    assert!(
        mean.abs() < 0.02 * std && (found / std - 1.0).abs() < 0.02,
        "{}: {found}, not {std}",
        case["name"]
    );

    let bound = 3.0_f64.sqrt() * std;
    if function.ends_with("uniform") {
        let fits = |end: f64| end <= bound * (1.0 + 1e-12) && end > bound * 0.999;
        assert!(
            fits(-low) && fits(high),
            "{}: {low} to {high}",
            case["name"]
        );
    } else {
        assert!(
            -low > 1.5 * bound && high > 1.5 * bound,
            "{}: {low} to {high}",
            case["name"]
        );
    }
}

#[test]
fn weights_have_the_size_of_pytorchs() {
    for case in cases("init.json") {
        let shape: Vec<u64> = case["shape"]
            .as_array()
            .expect("sizes")
            .iter()
            .flat_map(Value::as_u64)
            .collect();
        // PyTorch's [out, in, kernel ..] is [kernel ..][in][out] here.
        match shape[..] {
            [3, 4] => check_weight([[0.0; 3]; 4], &case),
            [10, 50] => check_weight([[0.0; 10]; 50], &case),
            [5, 4, 3] => check_weight([[[0.0; 5]; 4]; 3], &case),
            [16, 3, 5, 5] => check_weight([[[[0.0; 16]; 3]; 5]; 5], &case),
            _ => panic!("shape {shape:?}"),
        }
    }
}

#[test]
fn gains_are_pytorchs() {
    // torch.nn.init.calculate_gain
    for (nonlinearity, gain) in [
        (Nonlinearity::Linear, 1.0),
        (Nonlinearity::Sigmoid, 1.0),
        (Nonlinearity::Tanh, 1.666_666_666_666_666_7),
        (Nonlinearity::Relu, 2.0_f64.sqrt()),
        (Nonlinearity::LeakyRelu(0.01), 1.414_142_856_997_835_4),
        (Nonlinearity::LeakyRelu(0.5), 1.264_911_064_067_351_8),
        (Nonlinearity::Selu, 0.75),
    ] {
        assert!(
            (nonlinearity.gain() - gain).abs() < 1e-15,
            "{nonlinearity:?}"
        );
    }
}

/// The products of the shorter side's vectors with each other are `gain^2` times the identity.
#[track_caller]
fn check_orthogonal<T: Element, W: Weight<T>>(weight: &W, gain: f64, tolerance: f64) {
    let (rows, cols) = (W::LEN / W::OUT, W::OUT);
    let numbers = weight.as_slice();

    let at = |vector: usize, i: usize| {
        let place = if rows >= cols {
            i * cols + vector
        } else {
            vector * cols + i
        };
        numbers[place].to_f64().expect("a number")
    };

    for a in 0..rows.min(cols) {
        for b in 0..=a {
            let dot: f64 = (0..rows.max(cols)).map(|i| at(a, i) * at(b, i)).sum();
            let wanted = if a == b { gain * gain } else { 0.0 };
            assert!(
                (dot - wanted).abs() < tolerance,
                "{a} and {b}: {dot}, not {wanted}"
            );
        }
    }
}

#[test]
fn orthogonal_weights_are_orthogonal() {
    let rng = &mut shapewright::rng(4);
    let mut tall = [[0.0_f64; 20]; 50];
    init::orthogonal(&mut tall, 1.5, rng);
    check_orthogonal(&tall, 1.5, 1e-12);
    let mut wide = [[0.0_f64; 50]; 20];
    init::orthogonal(&mut wide, 1.0, rng);
    check_orthogonal(&wide, 1.0, 1e-12);
    let mut square = [[0.0_f64; 60]; 60];
    init::orthogonal(&mut square, 2.0, rng);
    check_orthogonal(&square, 2.0, 1e-11);
    let mut kernel = [[[[0.0_f32; 16]; 3]; 3]; 3];
    init::orthogonal(&mut kernel, 1.0, rng);
    check_orthogonal(&kernel, 1.0, 1e-6);
    let mut sequence = [[[0.0_f32; 9]; 2]; 3];
    init::orthogonal(&mut sequence, 1.0, rng);
    check_orthogonal(&sequence, 1.0, 1e-6);
}

/// All orthogonal matrices are equally likely: each element has the mean 0 and the variance 1 / n,
/// of either sign of the determinant.
#[test]
fn orthogonal_weights_have_no_direction() {
    let (rng, count) = (&mut shapewright::rng(6), 4000);
    let (mut sums, mut squares, mut turned) = ([[0.0; 2]; 2], [[0.0; 2]; 2], 0);

    for _ in 0..count {
        let mut w = [[0.0_f64; 2]; 2];
        init::orthogonal(&mut w, 1.0, rng);

        for i in 0..2 {
            for j in 0..2 {
                sums[i][j] += w[i][j] / f64::from(count);
                squares[i][j] += w[i][j] * w[i][j] / f64::from(count);
            }
        }
        turned += i32::from(w[0][0] * w[1][1] - w[0][1] * w[1][0] < 0.0);
    }

    assert!(
        sums.as_flattened().iter().all(|sum| sum.abs() < 0.05),
        "{sums:?}"
    );
    assert!(
        squares
            .as_flattened()
            .iter()
            .all(|square| (square - 0.5).abs() < 0.03),
        "{squares:?}"
    );
    assert!((1800..2200).contains(&turned), "{turned}");
}

network! { struct Net: [6] -> [3] { fc1: Linear<_, 5>, Tanh, fc2: Linear<_, 3> } }

/// PyTorch's `nn.Linear` calls `kaiming_uniform_` with a slope of `sqrt(5)`.
#[test]
fn the_default_of_linear_is_kaiming_uniform() {
    let mut net = Net::init(&mut shapewright::rng(7));
    let default = net.fc1.weight;
    let slope = Nonlinearity::LeakyRelu(5.0_f64.sqrt());
    init::kaiming_uniform(
        &mut net.fc1.weight,
        Mode::FanIn,
        slope,
        &mut shapewright::rng(7),
    );
    for (a, b) in default
        .as_flattened()
        .iter()
        .zip(net.fc1.weight.as_flattened())
    {
        assert!((a - b).abs() <= 1e-7, "{a} and {b}");
    }
}

/// The padding between the layers of a network stays zero.
#[test]
fn a_whole_network_can_be_set() {
    let mut net = Net::init(&mut shapewright::rng(8));
    init::normal(&mut *net, 5.0, 0.1, &mut shapewright::rng(9));
    assert!(net.fc2.bias.iter().all(|x| (4.0..6.0).contains(x)));
    assert_eq!(
        net.as_slice().iter().filter(|&&x| x != 0.0).count(),
        Net::PARAMS
    );
    init::constant(&mut net.fc2, 1.0);
    assert_eq!((net.fc2.weight, net.fc2.bias), ([[1.0; 3]; 5], [1.0; 3]));
    assert_ne!(net.fc1.bias, [1.0; 5]);
}

/// The same numbers on every machine and in every later version.
#[test]
fn the_numbers_of_a_seed_are_fixed() {
    let rng = &mut shapewright::rng(42);
    let mut x = [0.0_f32; 4];
    init::normal(&mut x, 0.0, 1.0, rng);
    assert_eq!(x, [0.893_873_3, -0.470_998_1, 2.141_774_2, 0.527_669_4]);
    init::truncated_normal(&mut x, 0.0, 1.0, -2.0, 2.0, rng);
    assert_eq!(x, [0.772_699_8, 0.212_367_83, -1.069_603_1, 0.254_225_55]);
    init::uniform(&mut x, -1.0, 1.0, rng);
    assert_eq!(x, [-0.584_565_8, 0.866_694_45, 0.119_078_994, 0.700_059_9]);

    let mut w = [[0.0_f32; 2]; 2];
    init::orthogonal(&mut w, 1.0, rng);
    assert_eq!(w, [[0.301_465_7, -0.953_477], [-0.953_477, -0.301_465_7]]);
    init::xavier_normal(&mut w, 1.0, rng);
    assert_eq!(
        w,
        [
            [-0.563_357_83, -1.160_840_5],
            [0.136_681_87, -0.058_788_978]
        ]
    );
    init::kaiming_uniform(&mut w, Mode::FanOut, Nonlinearity::Relu, rng);
    assert_eq!(
        w,
        [[-1.171_893_5, 1.256_453_6], [0.528_468_7, 0.088_320_97]]
    );
}

/// As in PyTorch, weights without elements are left alone.
#[test]
fn weights_without_elements_have_initial_values() {
    fn check<W: Weight<f32>>(mut weight: W) {
        let rng = &mut shapewright::rng(0);
        init::xavier_uniform(&mut weight, 1.0, rng);
        init::xavier_normal(&mut weight, 1.0, rng);
        for mode in [Mode::FanIn, Mode::FanOut] {
            init::kaiming_uniform(&mut weight, mode, Nonlinearity::Relu, rng);
            init::kaiming_normal(&mut weight, mode, Nonlinearity::Relu, rng);
        }
        init::orthogonal(&mut weight, 1.0, rng);
        init::uniform(&mut weight, -1.0, 1.0, rng);
        init::normal(&mut weight, 0.0, 1.0, rng);
        init::truncated_normal(&mut weight, 0.0, 1.0, -2.0, 2.0, rng);
        init::constant(&mut weight, 1.0);
    }

    check([[0.0; 0]; 0]);
    check([[0.0; 0]; 3]);
    check([[0.0; 3]; 0]);
    check([[[0.0; 2]; 2]; 0]);
    check([[[[0.0; 2]; 0]; 3]; 3]);
}

#[test]
#[should_panic(expected = "give it finite bounds in order, whose distance is finite in f32")]
fn bounds_are_finite_in_the_type() {
    init::uniform(&mut [0.0_f32; 2], -1e300, 1e300, &mut shapewright::rng(0));
}

#[test]
#[should_panic(expected = "init::uniform from 1 to -1: give it finite bounds in order")]
fn bounds_are_in_order() {
    init::uniform(&mut [0.0_f32; 2], 1.0, -1.0, &mut shapewright::rng(0));
}

#[test]
#[should_panic(expected = "both are finite, and the second is not negative")]
fn a_negative_standard_deviation_is_refused() {
    init::normal(&mut [0.0_f32; 2], 0.0, -1.0, &mut shapewright::rng(0));
}

#[test]
#[should_panic(expected = "the gain is NaN")]
fn a_gain_of_nan_is_refused() {
    init::orthogonal(&mut [[0.0_f32; 2]; 2], f64::NAN, &mut shapewright::rng(0));
}
