//! Trains a small residual network on MNIST's handwritten digits and prints its accuracy on the
//! test images.
//!
//! ```sh
//! cargo run --release --features gzip,progress --example resnet -- path/to/mnist
//! ```
//!
//! The folder holds the four files of the data set, plain or gzipped; if some are missing, the
//! program says which. Seven epochs take about three minutes on two cores.
//!
//! The network follows He, Zhang, Ren and Sun, 2015, "Deep Residual Learning for Image
//! Recognition". The layers' names are torchvision's, without the numbers of blocks, as each stage
//! has one block. The images are not standardized: the first normalization does that.

use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;

use shapewright::augment::{Interpolation, RandomAffine};
use shapewright::data::idx::Mnist;
use shapewright::prelude::*;

network! {
    struct ResNet: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 16, 3, Pad<1>, NoBias>,
        bn1: BatchNorm2d<_>,
        Relu,
        maxpool: MaxPool2d<2>,
        layer1: Residual {
            conv1: Conv2d<_, 32, 3, Pad<1>, NoBias>,
            bn1: BatchNorm2d<_>,
            Relu,
            conv2: Conv2d<_, 32, 3, Pad<1>, NoBias>,
            bn2: BatchNorm2d<_>,
            downsample: { Conv2d<_, 32, 1, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        layer2: Residual {
            conv1: Conv2d<_, 64, 3, Stride<2>, Pad<1>, NoBias>,
            bn1: BatchNorm2d<_>,
            Relu,
            conv2: Conv2d<_, 64, 3, Pad<1>, NoBias>,
            bn2: BatchNorm2d<_>,
            downsample: { Conv2d<_, 64, 1, Stride<2>, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        layer3: Residual {
            conv1: Conv2d<_, 64, 3, Pad<1>, NoBias>,
            bn1: BatchNorm2d<_>,
            Relu,
            conv2: Conv2d<_, 64, 3, Pad<1>, NoBias>,
            bn2: BatchNorm2d<_>,
        },
        Relu,
        avgpool: GlobalAvgPool2d,
        fc: Linear<_, 10>,
    }
}

const EPOCHS: usize = 7;
const BATCH: usize = 64;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args()
        .nth(1)
        .ok_or("give the folder with MNIST's files as the first argument")?;
    let mnist: Mnist = Mnist::read(folder)?;

    println!("{}\n", ResNet::summary());

    let mut net = ResNet::init(&mut shapewright::rng(0));
    let steps = EPOCHS * mnist.train_images.len().div_ceil(BATCH);
    let trainer = ResNet::trainer(
        Sgd::new(0.1)
            .momentum(0.9)
            .nesterov(true)
            .weight_decay(5e-4),
        CrossEntropy.label_smoothing(0.1),
    )
    .epochs(EPOCHS)
    .batch_size(BATCH)
    .schedule(OneCycleLr::new(0.1, steps as u64))
    .augment(
        RandomAffine::new(10.0)
            .translate(0.08, 0.08)
            .scale(0.9, 1.1)
            .interpolation(Interpolation::Bilinear),
    )
    .on_epoch(|epoch, _| {
        println!(
            "epoch {}: loss {:.4}, {:.1} s",
            epoch.epoch, epoch.loss, epoch.seconds
        );
        ControlFlow::Continue(())
    });
    #[cfg(feature = "progress")]
    let trainer = trainer.progress(true);

    let history = trainer.fit(&mut net, &mnist.train_images, &mnist.train_labels)?;

    let confusion = net.evaluate(&mnist.test_images, &mnist.test_labels)?;
    println!("test accuracy: {:.2} %", 100.0 * confusion.accuracy()?);
    let seconds: f64 = history.epochs.iter().map(|epoch| epoch.seconds).sum();
    println!("{} epochs in {seconds:.0} s", history.epochs.len());
    Ok(())
}
