//! Measures computation, bandwidth and latency on the ranks that run it, and prints what a model makes
//! of them: the time of a step on 1 to 1,024 ranks, with the measured one for the ranks that are there.
//!
//! ```sh
//! cargo build --release --example scaling
//! mpirun -n 2 target/release/examples/scaling
//! ```
//!
//! The network is that of the example `mnist_cnn`, on random images. Each rank has the same number of
//! samples, so that the batch grows with the ranks.

use std::error::Error;
use std::time::Instant;

use shapewright::distributed::{Communicator, DataParallel, Incoming, Outgoing, gradient_bytes};
use shapewright::prelude::*;
use shapewright_mpi::Mpi;

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

/// The samples of a rank in each step.
const SAMPLES: usize = 32;
const STEPS: usize = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mpi = Mpi::new()?;
    let size = mpi.size();

    let mut rng = shapewright::rng(0);
    let samples = SAMPLES * size * STEPS;
    let x: Vec<_> = (0..samples)
        .map(|_| Tensor::normal(0.0, 1.0, &mut rng))
        .collect();
    let labels = Label::<10>::from_values((0..samples).map(|i| i % 10))?;
    let train = |parallel, count: usize| {
        let mut net = Cnn::init(&mut shapewright::rng(0));
        let batch = count / STEPS;
        let history = Cnn::trainer(Adam::new(1e-3), CrossEntropy)
            .batch_size(batch)
            .epochs(3)
            .distributed(parallel)
            .fit(&mut net, &x[..count], &labels[..count])?;
        let fastest = history.epochs.iter().map(|epoch| epoch.seconds);
        Ok::<_, Box<dyn Error>>(fastest.fold(f64::INFINITY, f64::min) / STEPS as f64)
    };

    // A step without any other rank, as each rank makes it at the same time.
    mpi.barrier()?;
    let compute = train(DataParallel::new(&Alone).slices(1), SAMPLES * STEPS)?;
    let latency = round_trip(&mpi, 0)? / 2.0;
    const BYTES: usize = 4 << 20;
    let bandwidth = BYTES as f64 / (round_trip(&mpi, BYTES)? / 2.0 - latency).max(1e-9);
    mpi.barrier()?;
    let measured = train(
        DataParallel::new(&mpi).slices(size.next_power_of_two()),
        samples,
    )?;

    if !mpi.is_first() {
        return Ok(());
    }
    println!(
        "compute {:.3} ms, latency {:.1} us, {:.2} GB/s",
        1e3 * compute,
        1e6 * latency,
        bandwidth / 1e9
    );
    println!("| ranks | samples | step, ms | samples per second | efficiency |");
    println!("|---|---|---|---|---|");
    // One rank has nobody to measure latency and bandwidth with.
    let powers = if size == 1 { 0..=0 } else { 0..=10 };
    for ranks in powers.map(|power| 1 << power) {
        // Each rank sends n - 1 messages in each of six exchanges of a step.
        let others = (ranks - 1) as f64;
        let messages = 6.0 * (latency * others.min(1.0) + MESSAGE * others);
        let transfer = gradient_bytes::<Cnn>(ranks) as f64 / bandwidth;
        let step = compute + messages + transfer;
        let mark = if ranks == size {
            format!(" (measured {:.2})", 1e3 * measured)
        } else {
            String::new()
        };
        println!(
            "| {ranks} | {} | {:.2}{mark} | {:.0} | {:.2} |",
            ranks * SAMPLES,
            1e3 * step,
            (ranks * SAMPLES) as f64 / step,
            compute / step
        );
    }
    Ok(())
}

/// The time that a rank takes to hand over a message, in seconds.
const MESSAGE: f64 = 1e-6;

/// Returns the seconds in which a message goes from rank 0 to rank 1 and back; 0 for one rank.
fn round_trip(mpi: &Mpi, len: usize) -> Result<f64, Box<dyn Error>> {
    let mut bytes = vec![0; len];
    let sent = vec![1; len];
    let mut fastest = f64::INFINITY;
    for _ in 0..50 {
        let begin = Instant::now();
        match mpi.rank() {
            0 if mpi.size() > 1 => {
                mpi.exchange(
                    &[Outgoing {
                        to: 1,
                        bytes: &sent,
                    }],
                    &mut [],
                )?;
                mpi.exchange(
                    &[],
                    &mut [Incoming {
                        from: 1,
                        bytes: &mut bytes,
                    }],
                )?;
            }
            1 => {
                mpi.exchange(
                    &[],
                    &mut [Incoming {
                        from: 0,
                        bytes: &mut bytes,
                    }],
                )?;
                mpi.exchange(
                    &[Outgoing {
                        to: 0,
                        bytes: &sent,
                    }],
                    &mut [],
                )?;
            }
            _ => {}
        }
        fastest = fastest.min(begin.elapsed().as_secs_f64());
    }
    Ok(fastest)
}

/// The only rank.
struct Alone;

impl Communicator for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn exchange(
        &self,
        _: &[Outgoing<'_>],
        _: &mut [Incoming<'_>],
    ) -> Result<(), shapewright::distributed::CommunicationError> {
        Ok(())
    }
}
