//! Trains the residual network of `resnet.rs` on CIFAR-10's colour images.
//!
//! ```sh
//! cargo run --release --features progress --example cifar_resnet -- path/to/cifar-10-batches-bin
//! ```
//!
//! The folder holds the six `.bin` files of the data set's binary version. The accuracy is not
//! known, as the program has not been run on the whole set.

use std::error::Error;
use std::process::ExitCode;

use shapewright::augment::{PaddingMode, RandomCrop, RandomHorizontalFlip};
use shapewright::data::cifar::Cifar10;
use shapewright::prelude::*;

network! {
    struct ResNet: [32, 32, 3] -> [10] {
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

const EPOCHS: usize = 20;
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
        .ok_or("give the folder with CIFAR-10's files as the first argument")?;
    let cifar: Cifar10 = Cifar10::read(folder)?;

    println!("{}\n", ResNet::summary());

    let mut net = ResNet::init(&mut shapewright::rng(0));
    let steps = EPOCHS * cifar.train_images.len().div_ceil(BATCH);
    let trainer = ResNet::trainer(
        Sgd::new(0.1)
            .momentum(0.9)
            .nesterov(true)
            .weight_decay(5e-4),
        CrossEntropy,
    )
    .epochs(EPOCHS)
    .batch_size(BATCH)
    .schedule(OneCycleLr::new(0.1, steps as u64))
    .augment((
        RandomHorizontalFlip::new(0.5),
        RandomCrop::<4>::new().padding_mode(PaddingMode::Reflect),
    ));
    #[cfg(feature = "progress")]
    let trainer = trainer.progress(true);

    let history = trainer.fit(&mut net, &cifar.train_images, &cifar.train_labels)?;
    for epoch in &history.epochs {
        println!(
            "epoch {:>2}: loss {:.4}, {:.1} s",
            epoch.epoch, epoch.loss, epoch.seconds
        );
    }

    let confusion = net.evaluate(&cifar.test_images, &cifar.test_labels)?;
    println!("test accuracy: {:.2} %", 100.0 * confusion.accuracy()?);
    Ok(())
}
