//! The example `mnist_cnn` of shapewright on any number of ranks, which prints the time of an epoch.
//!
//! ```sh
//! cargo build --release --example mnist_cnn
//! mpirun -n 2 target/release/examples/mnist_cnn path/to/mnist
//! ```
//!
//! Further arguments are the number of epochs (5), of slices (4), and `bf16`.

use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;

use shapewright::distributed::{Communicator, DataParallel};
use shapewright::prelude::*;
use shapewright_mpi::Mpi;

#[path = "../../examples/data/mnist.rs"]
mod mnist;

network! {
    struct Cnn: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 32, 3>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 64, 3>,
        Relu,
        Flatten,
        fc: Linear<_, 128>,
        Relu,
        head: Linear<_, 10>,
    }
}

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
    let mpi = Mpi::new()?;
    let mnist = mnist::read()?;
    let argument = |index, default| {
        let given = std::env::args().nth(index);
        given.map_or(Ok(default), |given| given.parse::<usize>())
    };
    let epochs = argument(2, 5)?;
    let slices = argument(3, DataParallel::SLICES)?;
    let bf16 = std::env::args().nth(4).is_some_and(|given| given == "bf16");

    let mut net = Cnn::init(&mut shapewright::rng(0));
    let steps = epochs * mnist.train_images.len().div_ceil(BATCH);
    Cnn::trainer(Adam::new(1e-3), CrossEntropy)
        .epochs(epochs)
        .batch_size(BATCH)
        .schedule(CosineAnnealingLr::new(1e-3, steps as u64))
        .distributed(DataParallel::new(&mpi).slices(slices).bf16(bf16))
        .on_epoch(|epoch, _| {
            println!(
                "{} ranks, epoch {:>2}: loss {:.6}, {:.2} s",
                mpi.size(),
                epoch.epoch,
                epoch.loss,
                epoch.seconds
            );
            ControlFlow::Continue(())
        })
        .fit(&mut net, &mnist.train_images, &mnist.train_labels)?;

    if mpi.is_first() {
        let confusion = net.evaluate(&mnist.test_images, &mnist.test_labels)?;
        println!("test accuracy: {:.2} %", 100.0 * confusion.accuracy()?);
    }
    Ok(())
}
