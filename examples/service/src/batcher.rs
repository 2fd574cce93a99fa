//! Batches: images that come at the same time run through the network together, which takes less
//! time for each of them.

use std::sync::Arc;
use std::time::Duration;

use shapewright::prelude::*;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::metrics::Metrics;
use crate::model::{CLASSES, Image, Model};

/// The limits of batches.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest number of images of a batch.
    pub images: usize,
    /// The time that the first image of a batch waits for others. What comes during a computation is in
    /// the next batch in any case.
    pub wait: Duration,
    /// The largest number of images that wait. Beyond it requests are refused at once, so that the
    /// others are answered in time.
    pub queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            images: 32,
            wait: Duration::from_micros(200),
            queue: 1024,
        }
    }
}

/// The network's answer to an image.
#[derive(Clone, Debug)]
pub struct Answer {
    pub probabilities: Tensor1<CLASSES>,
    /// The number of the weights that gave it.
    pub version: u64,
}

/// An image, and who waits for the answer.
struct Job {
    image: Image,
    answer: oneshot::Sender<Answer>,
}

/// The result of a request to compute.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// More images wait than the limit allows.
    Full,
    /// The computation failed.
    Failed,
}

/// A queue of images in front of a network. Its copies are the same queue.
#[derive(Clone)]
pub struct Batcher {
    queue: mpsc::Sender<Job>,
}

impl Batcher {
    /// Starts to compute batches, until the last copy is dropped and the queue is empty.
    ///
    /// # Panics
    /// Panics outside a runtime of tokio, and if a limit is 0.
    pub fn start(model: Arc<Model>, limits: Limits, metrics: Arc<Metrics>) -> Self {
        assert!(
            limits.images > 0 && limits.queue > 0,
            "a batch has room for an image, and so has the queue"
        );
        let (queue, jobs) = mpsc::channel(limits.queue);
        tokio::spawn(run(jobs, model, limits, metrics));
        Batcher { queue }
    }

    /// Computes the answers to some images, in their order: all of them or none.
    pub async fn compute(&self, images: Vec<Image>) -> Result<Vec<Answer>, Refused> {
        let places = match self.queue.try_reserve_many(images.len()) {
            Ok(places) => places,
            Err(mpsc::error::TrySendError::Full(())) => return Err(Refused::Full),
            Err(mpsc::error::TrySendError::Closed(())) => return Err(Refused::Failed),
        };
        let mut waiting = Vec::with_capacity(images.len());
        for (place, image) in places.zip(images) {
            let (answer, receiver) = oneshot::channel();
            place.send(Job { image, answer });
            waiting.push(receiver);
        }

        let mut answers = Vec::with_capacity(waiting.len());
        for receiver in waiting {
            answers.push(receiver.await.map_err(|_| Refused::Failed)?);
        }
        Ok(answers)
    }
}

/// A batch on its way to the network and back; the memory is used again.
#[derive(Default)]
struct Batch {
    images: Vec<Image>,
    logits: Vec<Tensor1<CLASSES>>,
    waiting: Vec<oneshot::Sender<Answer>>,
}

impl Batch {
    /// Adds an image, unless nobody waits for the answer any more.
    fn push(&mut self, job: Job) {
        if !job.answer.is_closed() {
            self.images.push(job.image);
            self.waiting.push(job.answer);
        }
    }

    /// Computes the answers and hands them over.
    fn compute(&mut self, model: &Model) {
        let version = model.current();
        self.logits.resize(self.images.len(), Tensor::zeros());
        version.net.forward_batch(&self.images, &mut self.logits);

        for (logits, waiting) in self.logits.iter().zip(self.waiting.drain(..)) {
            // An error means that nobody waits any more.
            let _ = waiting.send(Answer {
                probabilities: logits.softmax(),
                version: version.number,
            });
        }
        self.images.clear();
    }
}

/// Collects batches and computes them, one after the other.
async fn run(
    mut jobs: mpsc::Receiver<Job>,
    model: Arc<Model>,
    limits: Limits,
    metrics: Arc<Metrics>,
) {
    let mut batch = Batch::default();
    while let Some(first) = jobs.recv().await {
        let deadline = Instant::now() + limits.wait;
        batch.push(first);
        while batch.images.len() < limits.images {
            match timeout_at(deadline, jobs.recv()).await {
                Ok(Some(job)) => batch.push(job),
                // The time is over, or everybody has left.
                Err(_) | Ok(None) => break,
            }
        }
        if batch.images.is_empty() {
            continue;
        }
        metrics.batch(batch.images.len(), jobs.len());

        // Other tasks go on meanwhile. Where the network panics, those who wait hear of it, as the
        // batch is dropped.
        let model = Arc::clone(&model);
        let computed = tokio::task::spawn_blocking(move || {
            batch.compute(&model);
            batch
        });
        batch = computed.await.unwrap_or_default();
    }
}
