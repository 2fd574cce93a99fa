//! Layers that choose, pad and summarize positions of sequences.

use crate::common::gradient::check_network;
use crate::common::{In, Out, random};
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank2};

type Masked = Tensor<(Rank2<5, 3>, Rank1<5>), f64>;

network! { struct Mean: (x: [5, 3], mask: [5]) -> [3] as f64 { MeanOverTime <- (x, mask) } }
network! { struct Max: (x: [5, 3], mask: [5]) -> [3] as f64 { MaxOverTime <- (x, mask) } }

/// Sequences of 5 positions with every mask.
fn all_masks() -> Vec<(Tensor2<5, 3, f64>, [bool; 5])> {
    random(32, 1)
        .into_iter()
        .enumerate()
        .map(|(bits, x)| (x, core::array::from_fn(|i| bits >> i & 1 == 1)))
        .collect()
}

/// Returns a batch with these masks, whose padding is `filler`.
fn batch(samples: &[(Tensor2<5, 3, f64>, [bool; 5])], filler: f64) -> Vec<Masked> {
    let sample = |(x, mask): &(Tensor2<5, 3, f64>, [bool; 5])| {
        let rows = *x.as_array();
        let rows = core::array::from_fn(|i| if mask[i] { rows[i] } else { [filler; 3] });
        let mask = mask.map(|real| f64::from(u8::from(real)));
        Tensor::from((Tensor2::from(rows), Tensor1::from(mask)))
    };
    samples.iter().map(sample).collect()
}

/// Returns the gradients of the inputs, where those of the outputs are `weights`.
fn input_gradients<N: Trainable<Element = f64>>(x: &[In<N>], weights: &[Out<N>]) -> Vec<In<N>> {
    let (net, mut workspace) = (N::zeros(), N::workspace());
    let mut pass = net.forward_train(x, &mut workspace);
    pass.output_gradients_mut().copy_from_slice(weights);
    pass.input_gradients().to_vec()
}

/// The real numbers of a channel.
fn column(x: &Tensor2<5, 3, f64>, mask: &[bool; 5], channel: usize) -> Vec<f64> {
    let rows = x.as_array();
    (0..5)
        .filter(|&i| mask[i])
        .map(|i| rows[i][channel])
        .collect()
}

#[test]
fn padding_does_not_count() {
    let samples = all_masks();
    for filler in [0.0, 1e30, f64::NAN, f64::INFINITY] {
        let x = batch(&samples, filler);
        let (mut means, mut maxima) = (vec![Tensor1::zeros(); 32], vec![Tensor1::zeros(); 32]);
        Mean::zeros().forward_batch(&x, &mut means);
        Max::zeros().forward_batch(&x, &mut maxima);

        for (i, (x, mask)) in samples.iter().enumerate() {
            for channel in 0..3 {
                let numbers = column(x, mask, channel);
                let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
                let max = numbers.iter().copied().reduce(f64::max).unwrap_or(0.0);
                assert!((means[i][channel] - mean).abs() < 1e-15);
                assert_eq!(maxima[i][channel], max);
            }
        }
    }
}

#[test]
fn padding_and_masks_have_no_gradient() {
    let samples = all_masks();
    let weights: Vec<Tensor1<3, f64>> = random(32, 2);
    for filler in [0.0, f64::NAN] {
        let x = batch(&samples, filler);
        let of_mean = input_gradients::<Mean>(&x, &weights);
        let of_max = input_gradients::<Max>(&x, &weights);

        for (sample, (x, mask)) in samples.iter().enumerate() {
            assert_eq!(of_mean[sample].as_slice()[15..], [0.0; 5]);
            assert_eq!(of_max[sample].as_slice()[15..], [0.0; 5]);

            let count = mask.iter().filter(|&&real| real).count() as f64;
            for (channel, &weight) in weights[sample].iter().enumerate() {
                let max = column(x, mask, channel).into_iter().reduce(f64::max);
                for (i, &real) in mask.iter().enumerate() {
                    let mean = if real { weight / count } else { 0.0 };
                    let is_max = real && Some(x.as_array()[i][channel]) == max;
                    let at = 3 * i + channel;
                    assert_eq!(of_mean[sample].as_slice()[at], mean);
                    assert_eq!(
                        of_max[sample].as_slice()[at],
                        if is_max { weight } else { 0.0 }
                    );
                }
            }
        }
    }
}

/// The gradient of equal maxima goes to the first, and a NaN is the maximum.
#[test]
fn maxima_that_are_equal_or_nan() {
    network! { struct Net: [3, 2] -> [2] as f64 { MaxOverTime } }
    let x = [Tensor2::from([[1.0, -1.0], [2.0, f64::NAN], [2.0, 5.0]])];
    let y = Net::zeros().forward(&x[0]);
    assert_eq!(y[0], 2.0);
    assert!(y[1].is_nan());
    let dx = input_gradients::<Net>(&x, &[Tensor1::from([3.0, 4.0])]);
    assert_eq!(dx[0], Tensor2::from([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]));
}

/// Without a mask, the mean is that of the pooling layer.
#[test]
fn mean_without_a_mask() {
    network! { struct Over: [6, 5] -> [5] as f64 { MeanOverTime } }
    network! { struct Pool: [6, 5] -> [5] as f64 { GlobalAvgPool1d } }
    for x in random::<Rank2<6, 5>, f64>(4, 3) {
        let (a, b) = (Over::zeros().forward(&x), Pool::zeros().forward(&x));
        assert!(a.iter().zip(b.iter()).all(|(a, b)| (a - b).abs() < 1e-15));
    }
}

/// `test name: shapes { layers }`
macro_rules! gradients {
    ($($name:ident: $input:tt -> $output:tt { $($layers:tt)* };)*) => { $(
        #[test]
        fn $name() {
            network! { struct Net: $input -> $output as f64 { $($layers)* } }
            check_network::<Net>(1);
            check_network::<Net>(3);
        }
    )* };
}

gradients! {
    mean: [5, 3] -> [3] { MeanOverTime };
    max: [5, 3] -> [3] { MaxOverTime };
    max_of_one: [1, 3] -> [3] { MaxOverTime };
    mean_between: [5, 3] -> [2] { Linear<_, 4>, Tanh, MeanOverTime, Linear<_, 2> };
    max_between: [5, 3] -> [2] { Linear<_, 4>, Tanh, MaxOverTime, Linear<_, 2> };
    zero_pad: [4, 3] -> [7, 3] { ZeroPad1d<(1, 2)> };
    reflection: [4, 3] -> [9, 3] { ReflectionPad1d<(3, 2)> };
    reflection_of_one_end: [4, 3] -> [6, 3] { ReflectionPad1d<(0, 2)> };
    no_reflection: [1, 3] -> [1, 3] { ReflectionPad1d<0> };
    replication: [4, 3] -> [11, 3] { ReplicationPad1d<(5, 2)> };
    reflection_between: [4, 3] -> [4, 2] { Linear<_, 4>, Tanh, ReflectionPad1d<1>, Conv1d<_, 2, 3> };
    slice: [6, 2] -> [3, 2] { Slice<2, 3> };
    slice_of_a_vector: [6] -> [2] { Slice<4, 2> };
    slice_of_an_image: [4, 3, 2] -> [2, 3, 2] { Slice<1, 2> };
    slice_of_all: [3, 2] -> [3, 2] { Slice<0, 3> };
    slices_between: [4, 3] -> [2] {
        fc: Linear<_, 4>, a: Slice<0, 3>, b: Slice<1, 3> <- fc, Mul <- (a, b), Tanh, MeanOverTime, Linear<_, 2>
    };
}

/// PyTorch's `F.pad` of 1, 2, 3, 4 by 3 and 2.
#[test]
fn padding_of_each_kind() {
    network! { struct Zeros: [4, 1] -> [9, 1] { ZeroPad1d<(3, 2)> } }
    network! { struct Reflection: [4, 1] -> [9, 1] { ReflectionPad1d<(3, 2)> } }
    network! { struct Replication: [4, 1] -> [9, 1] { ReplicationPad1d<(3, 2)> } }
    let x = Tensor2::from([[1.0], [2.0], [3.0], [4.0]]);
    let numbers = |y: Tensor2<9, 1>| y.as_slice().to_vec();
    assert_eq!(
        numbers(Zeros::zeros().forward(&x)),
        [0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0]
    );
    assert_eq!(
        numbers(Reflection::zeros().forward(&x)),
        [4.0, 3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0]
    );
    assert_eq!(
        numbers(Replication::zeros().forward(&x)),
        [1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0]
    );
}
