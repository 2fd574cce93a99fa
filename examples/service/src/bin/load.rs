//! Puts the service under load: 32 clients on the loopback interface, each of which asks again as
//! soon as it has its answer. Prints the times beside those of the bare network.
//!
//! ```sh
//! cargo run --release --bin load -- ../microcontroller/lenet.safetensors 100000
//! ```

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use service::api::{self, routes};
use service::batcher::{self, Batcher};
use service::metrics::Metrics;
use service::model::{CLASSES, Image, Model, PIXELS};
use shapewright::prelude::*;
use tokio::net::TcpListener;

const CLIENTS: usize = 32;

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, requests] = arguments.as_slice() else {
        println!("arguments: the file of the weights, and the number of requests");
        return Ok(());
    };
    let requests: usize = requests.parse()?;
    let model = Arc::new(Model::open(Path::new(weights)).map_err(|error| error.to_string())?);
    let metrics = Arc::new(Metrics::default());
    let limits = batcher::Limits::default();
    let batcher = Batcher::start(Arc::clone(&model), limits, Arc::clone(&metrics));

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = routes(batcher, Arc::clone(&metrics), api::Limits::default());
    tokio::spawn(async move { axum::serve(listener, app).await });

    let body: Bytes = vec![0x3e; 4 * PIXELS].into(); // all pixels are 0.186
    run(address.port(), &body, requests.min(1000)).await?;
    let memory = resident_kib();
    let start = Instant::now();
    let mut times = run(address.port(), &body, requests).await?;
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();

    let lost = requests - times.len();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("{requests} requests of {CLIENTS} clients, {lost} lost");
    println!("{:.0} requests a second", requests as f64 / seconds);
    println!(
        "p50 {:?}, p99 {:?}, longest {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    println!("memory {memory} KiB before, {} KiB after", resident_kib());
    for batch in [1, 8, CLIENTS] {
        println!(
            "the bare network, {batch} images: {:?}",
            bare(&model, batch)
        );
    }
    print!("{}", sizes(&metrics.text()));
    Ok(())
}

/// Sends requests, and returns the time of each that was answered with the bytes of the first answer.
async fn run(port: u16, body: &Bytes, requests: usize) -> Result<Vec<Duration>, AnyError> {
    let next = Arc::new(AtomicUsize::new(0));
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (next, client, body) = (Arc::clone(&next), client.clone(), body.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while next.fetch_add(1, Ordering::Relaxed) < requests {
                    let start = Instant::now();
                    if ask(&client, port, &body)
                        .await
                        .is_ok_and(|answer| answer.len() == 4 * CLASSES)
                    {
                        times.push(start.elapsed());
                    }
                }
                times
            })
        })
        .collect();

    let mut times = Vec::with_capacity(requests);
    for client in clients {
        times.extend(client.await?);
    }
    Ok(times)
}

/// Sends one request, and returns the body of a successful answer.
async fn ask(
    client: &Client<HttpConnector, Full<Bytes>>,
    port: u16,
    body: &Bytes,
) -> Result<Bytes, AnyError> {
    let kind = "application/octet-stream";
    let request = Request::post(format!("http://127.0.0.1:{port}/predict"))
        .header(header::CONTENT_TYPE, kind)
        .header(header::ACCEPT, kind)
        .body(Full::new(body.clone()))?;
    let response = client.request(request).await?;
    if !response.status().is_success() {
        return Err(response.status().to_string().into());
    }
    Ok(response.into_body().collect().await?.to_bytes())
}

/// Returns the median time of the network alone.
fn bare(model: &Model, batch: usize) -> Duration {
    let version = model.current();
    let images = vec![Image::zeros(); batch];
    let mut logits = vec![Tensor1::<CLASSES>::zeros(); batch];
    let mut times: Vec<Duration> = (0..201)
        .map(|_| {
            let start = Instant::now();
            version.net.forward_batch(black_box(&images), &mut logits);
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[100]
}

/// Returns the memory of this process that is in use.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Returns the lines about the sizes of batches.
fn sizes(metrics: &str) -> String {
    let lines = metrics.lines().filter(|line| line.contains("batch_size_"));
    lines.map(|line| format!("{line}\n")).collect()
}
