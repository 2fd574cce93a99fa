//! Trains a small residual network with batch normalizations on handwritten digits, and quantizes it
//! to 8-bit weights: prints the layers of the quantized network, the accuracy of each calibration and
//! of training in 8 bits, the sizes, and the time for an image.
//!
//! ```sh
//! cargo run --release --example quantize
//! ```

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use shapewright::data::{gather, stratified_split};
use shapewright::nn::Calibration;
use shapewright::prelude::*;

#[path = "data/digits.rs"]
mod data;

network! {
    /// Maps grey pixels to ten digits.
    #[quantized(DigitsInt8, training = DigitsQat)]
    struct Digits: [8, 8, 1] -> [10] {
        stem: Conv2d<_, 16, 3, Pad<1>, NoBias>,
        BatchNorm2d<_>,
        Relu,
        Residual {
            conv1: Conv2d<_, 16, 3, Pad<1>, NoBias>,
            BatchNorm2d<_>,
            Relu,
            conv2: Conv2d<_, 16, 3, Pad<1>, NoBias>,
            BatchNorm2d<_>,
        },
        Relu,
        Residual {
            conv1: Conv2d<_, 32, 3, Stride<2>, Pad<1>, NoBias>,
            BatchNorm2d<_>,
            Relu,
            conv2: Conv2d<_, 32, 3, Pad<1>, NoBias>,
            BatchNorm2d<_>,
            shortcut: { Conv2d<_, 32, 1, Stride<2>, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        GlobalAvgPool2d,
        head: Linear<_, 10>,
    }
}

/// Returns the time for one image in microseconds: the smallest of 50 means over 100 runs, as other
/// programs can only add to it.
fn microseconds<N: Network>(net: &N, image: &Tensor<N::Input, N::Element>) -> f64 {
    const TIMES: u32 = 100;
    let run = || {
        let begin = Instant::now();
        for _ in 0..TIMES {
            black_box(net.forward(black_box(image)));
        }
        begin.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
    };
    (0..50).map(|_| run()).fold(f64::INFINITY, f64::min)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (images, labels) = data::read()?;
    let [train, test] = stratified_split(&labels, [0.8, 0.2], &mut shapewright::rng(0))?;
    let train_images = gather(&images, &train);
    let train_labels = gather(&labels, &train);
    let mut net = Digits::init(&mut shapewright::rng(0));
    Digits::trainer(Adam::new(3e-3), CrossEntropy)
        .epochs(8)
        .batch_size(32)
        .fit(&mut net, &train_images, &train_labels)?;
    println!("{}", DigitsInt8::summary());

    let images = gather(&images, &test);
    let labels = gather(&labels, &test);
    let accuracy = net.evaluate(&images, &labels)?.accuracy()?;
    println!("f32: {:.2} %", 100.0 * accuracy);
    let print = |what: &str, int8: &DigitsInt8| -> Result<(), Box<dyn Error>> {
        let accuracy = int8.evaluate(&images, &labels)?.accuracy()?;
        println!("8 bits, {what}: {:.2} %", 100.0 * accuracy);
        Ok(())
    };

    // A few hundred images suffice to measure the ranges of activations.
    let samples = &train_images[..300];
    let min_max = Calibration::min_max();
    let int8 = net.quantized(&min_max, samples)?;
    print("min-max", &int8)?;
    let percentile = Calibration::percentile(99.9);
    print("percentile 99.9", &*net.quantized(&percentile, samples)?)?;
    print(
        "entropy",
        &*net.quantized(&Calibration::entropy(), samples)?,
    )?;

    let mut qat = net.quantized_training(&min_max, samples)?;
    DigitsQat::trainer(Adam::new(1e-4), CrossEntropy)
        .epochs(2)
        .batch_size(32)
        .fit(&mut qat, &train_images, &train_labels)?;
    print("min-max and 2 epochs of training", &*qat.quantized()?)?;

    println!(
        "bytes of parameters: {}, with 8-bit weights {}",
        size_of::<Digits>(),
        size_of::<DigitsInt8>()
    );
    println!(
        "one image: {:.1} us, with 8-bit weights {:.1} us",
        microseconds(&*net, &images[0]),
        microseconds(&*int8, &images[0])
    );
    Ok(())
}
