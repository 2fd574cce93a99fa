//! Trains a small residual network with batch normalizations on handwritten digits, folds these
//! into the convolutions for inference, and compares both networks: the accuracy is the same, and
//! the folded one takes less time.
//!
//! ```sh
//! cargo run --release --example fold
//! ```

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use shapewright::data::{gather, stratified_split};
use shapewright::prelude::*;

#[path = "data/digits.rs"]
mod data;

network! {
    /// Maps grey pixels to ten digits.
    #[folded(DigitsFolded)]
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
fn microseconds<N: Trainable>(net: &N, image: &Tensor<N::Input, N::Element>) -> f64 {
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
    let mut net = Digits::init(&mut shapewright::rng(0));
    Digits::trainer(Adam::new(3e-3), CrossEntropy)
        .epochs(8)
        .batch_size(32)
        .fit(&mut net, &gather(&images, &train), &gather(&labels, &train))?;

    let folded = net.folded();
    let images = gather(&images, &test);
    let labels = gather(&labels, &test);
    println!("{}", DigitsFolded::summary());

    let before = net.evaluate(&images, &labels)?.accuracy()?;
    let after = folded.evaluate(&images, &labels)?.accuracy()?;
    println!(
        "accuracy: {:.2} %, folded {:.2} %",
        100.0 * before,
        100.0 * after
    );
    println!(
        "parameters: {}, folded {}",
        Digits::PARAMS,
        DigitsFolded::PARAMS
    );

    let before = microseconds(&*net, &images[0]);
    let after = microseconds(&*folded, &images[0]);
    println!(
        "one image: {before:.1} us, folded {after:.1} us, {:.2} of the time",
        after / before
    );
    Ok(())
}
