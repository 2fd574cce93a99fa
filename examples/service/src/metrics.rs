//! What the service counts, in the text format of Prometheus.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The labels of a request.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Request {
    /// The status of the answer.
    status: u16,
}

/// The metrics, and their names.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    seconds: Histogram,
    images: Counter,
    batch_size: Histogram,
    queued: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("service"),
            requests: Family::default(),
            seconds: Histogram::new(exponential_buckets(1e-4, 2.0, 16)),
            images: Counter::default(),
            batch_size: Histogram::new(exponential_buckets(1.0, 2.0, 10)),
            queued: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "requests",
            "Requests that were answered",
            metrics.requests.clone(),
        );
        registry.register(
            "request_seconds",
            "Time from a request to its answer",
            metrics.seconds.clone(),
        );
        registry.register(
            "images",
            "Images that were computed",
            metrics.images.clone(),
        );
        registry.register(
            "batch_size",
            "Images of a batch",
            metrics.batch_size.clone(),
        );
        registry.register("queued", "Images that wait", metrics.queued.clone());
        metrics
    }
}

impl Metrics {
    /// Counts a request that was answered.
    pub fn request(&self, status: u16, time: Duration) {
        self.requests.get_or_create(&Request { status }).inc();
        self.seconds.observe(time.as_secs_f64());
    }

    /// Counts a batch, with the number of images that still wait.
    pub fn batch(&self, images: usize, queued: usize) {
        self.images.inc_by(images as u64);
        self.batch_size.observe(images as f64);
        self.queued.set(queued as i64);
    }

    /// Returns the text for Prometheus.
    pub fn text(&self) -> String {
        let mut text = String::new();
        text::encode(&mut text, &self.registry).expect("a string takes any text");
        text
    }
}
