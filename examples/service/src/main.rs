//! Serves a network; see the library of this crate.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use service::api::{self, routes};
use service::batcher::{self, Batcher};
use service::metrics::Metrics;
use service::model::Model;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, address] = arguments.as_slice() else {
        println!("arguments: the file of the weights, and an address such as 127.0.0.1:8080");
        return Ok(());
    };
    let model = Arc::new(Model::open(Path::new(weights))?);
    let metrics = Arc::new(Metrics::default());
    let limits = batcher::Limits::default();
    let batcher = Batcher::start(Arc::clone(&model), limits, Arc::clone(&metrics));
    tokio::spawn(reload_at_hangup(model)?);

    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, routes(batcher, metrics, api::Limits::default()))
        .with_graceful_shutdown(async move {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            println!("no new connections; what has come is answered");
        })
        .await?;
    Ok(())
}

/// Returns a task that reads the weights again at each SIGHUP.
fn reload_at_hangup(model: Arc<Model>) -> std::io::Result<impl Future<Output = ()>> {
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(async move {
        while hangup.recv().await.is_some() {
            let model = Arc::clone(&model);
            match tokio::task::spawn_blocking(move || model.reload()).await {
                Ok(Ok(number)) => println!("weights {number}"),
                Ok(Err(error)) => eprintln!("the old weights stay: {error}"),
                Err(error) => eprintln!("the old weights stay: {error}"),
            }
        }
    })
}
