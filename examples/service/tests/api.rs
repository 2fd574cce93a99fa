//! What comes in goes out: answers, and a sentence for everything that is wrong.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use service::api::{self, routes};
use service::batcher::{self, Batcher};
use service::metrics::Metrics;
use service::model::{Image, LeNet, Model, PIXELS, image};
use shapewright::prelude::*;
use tower::ServiceExt;

const WEIGHTS: &str = "../microcontroller/lenet.safetensors";

struct Service {
    routes: Router,
    model: Arc<Model>,
    metrics: Arc<Metrics>,
}

fn service(weights: &Path, batches: batcher::Limits, requests: api::Limits) -> Service {
    let model = Arc::new(Model::open(weights).expect("the weights"));
    let metrics = Arc::new(Metrics::default());
    let batcher = Batcher::start(Arc::clone(&model), batches, Arc::clone(&metrics));
    Service {
        routes: routes(batcher, Arc::clone(&metrics), requests),
        model,
        metrics,
    }
}

fn usual() -> Service {
    let (batches, requests) = Default::default();
    service(Path::new(WEIGHTS), batches, requests)
}

/// The digit of the example for microcontrollers, a five.
fn five() -> Vec<f32> {
    let file = include_bytes!("../../microcontroller/digit.pgm");
    file[13..].iter().map(|&x| f32::from(x) / 255.0).collect()
}

fn bytes_of(pixels: &[f32]) -> Vec<u8> {
    pixels.iter().flat_map(|x| x.to_le_bytes()).collect()
}

fn expected(pixels: &[f32]) -> Tensor1<10> {
    let model = Model::open(Path::new(WEIGHTS)).expect("the weights");
    let image: Image = image(pixels.try_into().expect("an image"));
    model.current().net.forward(&image).softmax()
}

/// Sends a request, and returns the status, the value of `Retry-After` and the body.
async fn send(routes: &Router, request: Request<Body>) -> (StatusCode, Vec<u8>) {
    let response = routes.clone().oneshot(request).await.expect("an answer");
    let status = response.status();
    let retry = response.headers().contains_key(header::RETRY_AFTER);
    assert_eq!(retry, status == StatusCode::SERVICE_UNAVAILABLE);
    let body = response.into_body().collect().await.expect("a body");
    (status, body.to_bytes().to_vec())
}

async fn post(routes: &Router, kind: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/predict")
        .header(header::CONTENT_TYPE, kind)
        .body(body.into())
        .expect("a request");
    let (status, body) = send(routes, request).await;
    (status, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn images_get_their_classes() {
    let service = usual();
    let (five, white) = (five(), vec![1.0; PIXELS]);

    let body = json!({ "images": [five, white] }).to_string();
    let (status, answers) = post(&service.routes, "application/json; charset=utf-8", body).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answers["answers"][0]["class"], 5);
    assert_eq!(answers["answers"][0]["version"], 1);
    for (answer, pixels) in [(0, &five), (1, &white)] {
        let expected = expected(pixels);
        for (class, &x) in expected.iter().enumerate() {
            let found = answers["answers"][answer]["probabilities"][class].as_f64();
            assert!((found.expect("a number") - f64::from(x)).abs() < 1e-6);
        }
    }

    // The same in binary, both ways.
    let kind = "application/octet-stream";
    let request = Request::post("/predict")
        .header(header::CONTENT_TYPE, kind)
        .header(header::ACCEPT, kind)
        .body([bytes_of(&five), bytes_of(&white)].concat().into())
        .expect("a request");
    let (status, body) = send(&service.routes, request).await;
    assert_eq!(status, StatusCode::OK);
    let both = [expected(&five), expected(&white)];
    assert_eq!(body.len(), 80);
    for (bytes, x) in body.as_chunks().0.iter().zip(both.iter().flatten()) {
        assert!((f32::from_le_bytes(*bytes) - x).abs() < 1e-6);
    }
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let service = usual();
    let with = |index: usize, x: f32| {
        let mut pixels = vec![0.0; PIXELS];
        pixels[index] = x;
        bytes_of(&pixels)
    };
    let json = "application/json";
    let binary = "application/octet-stream";
    let image = vec![0.5; PIXELS];
    let too_many = vec![image.clone(); 65];

    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        (json, b"{".into(), 400, "no JSON"),
        (json, b"".into(), 400, "no JSON"),
        (json, b"\xff\xfe".into(), 400, "no JSON"),
        (json, vec![b'['; 100_000], 422, "the body must be"),
        (json, b"{}".into(), 422, "missing field `images`"),
        (json, b"[]".into(), 422, "the body must be"),
        (json, br#"{"images": 3}"#.into(), 422, "the body must be"),
        (
            json,
            br#"{"images": [["a"]]}"#.into(),
            422,
            "the body must be",
        ),
        (
            json,
            br#"{"images": [], "x": 1}"#.into(),
            422,
            "unknown field `x`",
        ),
        (
            json,
            br#"{"images": []}"#.into(),
            422,
            "0 images; it must have 1 to 64",
        ),
        (
            json,
            br#"{"images": [[0.5]]}"#.into(),
            422,
            "image 0 has 1 pixels; it must have 784",
        ),
        (json, br#"{"images": [[1e999]]}"#.into(), 400, "no JSON"),
        (
            json,
            json!({ "images": [image, [2.0]] }).to_string().into(),
            422,
            "image 1 has 1 pixels",
        ),
        (
            binary,
            bytes_of(&too_many.concat()),
            422,
            "65 images; it must have 1 to 64",
        ),
        (binary, b"".into(), 422, "0 images"),
        (
            binary,
            vec![0; 3135],
            422,
            "3135 bytes; it must have 3136 for each image",
        ),
        (binary, with(7, f32::NAN), 422, "pixel 7 of image 0 is NaN"),
        (
            binary,
            with(783, f32::INFINITY),
            422,
            "pixel 783 of image 0 is inf",
        ),
        (
            binary,
            with(0, -0.1),
            422,
            "pixel 0 of image 0 is -0.1; it must be from 0 to 1",
        ),
        (
            binary,
            vec![0; (1 << 20) + 1],
            413,
            "more than 1048576 bytes",
        ),
        (
            "text/plain",
            bytes_of(&five()),
            415,
            "application/json or application/octet-stream",
        ),
        (
            "",
            bytes_of(&five()),
            415,
            "application/json or application/octet-stream",
        ),
    ];
    for (kind, body, status, words) in cases {
        let (found, error) = post(&service.routes, kind, body).await;
        let sentence = error["error"].as_str().expect("a sentence");
        assert_eq!(found.as_u16(), status, "{sentence}");
        assert!(sentence.contains(words), "{sentence}, expected {words}");
    }

    for (method, path, status) in [
        ("GET", "/predict", 405),
        ("POST", "/", 404),
        ("PUT", "/health", 405),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty());
        let (found, body) = send(&service.routes, request.expect("a request")).await;
        assert_eq!(found.as_u16(), status, "{method} {path}");
        assert!(String::from_utf8_lossy(&body).contains("/openapi.json"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_the_same_time_are_one_batch() {
    let batches = batcher::Limits {
        images: 16,
        wait: Duration::from_secs(5),
        queue: 64,
    };
    let service = service(Path::new(WEIGHTS), batches, api::Limits::default());
    let body = bytes_of(&five());
    let requests: Vec<_> = (0..16)
        .map(|_| {
            let (routes, body) = (service.routes.clone(), body.clone());
            tokio::spawn(async move { post(&routes, "application/octet-stream", body).await })
        })
        .collect();
    for request in requests {
        let (status, answers) = request.await.expect("an answer");
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answers["answers"][0]["class"], 5);
    }

    let text = service.metrics.text();
    for line in [
        "service_batch_size_count 1",
        "service_images_total 16",
        "service_requests_total{status=\"200\"} 16",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn a_full_queue_and_a_slow_answer_are_said() {
    // Nothing is computed before the batch is full.
    let batches = batcher::Limits {
        images: 8,
        wait: Duration::from_secs(60),
        queue: 4,
    };
    let requests = api::Limits {
        time: Duration::from_millis(50),
        ..api::Limits::default()
    };
    let service = service(Path::new(WEIGHTS), batches, requests);
    let five = bytes_of(&five());
    let (status, error) = post(&service.routes, "application/octet-stream", five.repeat(5)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        error["error"]
            .as_str()
            .expect("a sentence")
            .contains("too many images wait")
    );

    let (status, error) = post(&service.routes, "application/octet-stream", five).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert!(
        error["error"]
            .as_str()
            .expect("a sentence")
            .contains("50ms")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_are_replaced_under_load_without_a_lost_request() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join("replaced.safetensors");
    std::fs::copy(WEIGHTS, &file).expect("a copy");
    let (batches, requests) = Default::default();
    let service = service(&file, batches, requests);

    let body = bytes_of(&five());
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (routes, body) = (service.routes.clone(), body.clone());
            tokio::spawn(async move {
                let mut newest = 0;
                for _ in 0..50 {
                    let (status, answers) =
                        post(&routes, "application/octet-stream", body.clone()).await;
                    assert_eq!(status, StatusCode::OK);
                    let version = answers["answers"][0]["version"].as_u64().expect("a number");
                    assert!(version >= newest);
                    newest = version;
                }
                newest
            })
        })
        .collect();

    let other = LeNet::init(&mut shapewright::rng(0));
    other.save(&file).expect("other weights");
    assert_eq!(service.model.reload().expect("the weights"), 2);
    for client in clients {
        client.await.expect("a client");
    }
    let (_, answers) = post(&service.routes, "application/octet-stream", body.clone()).await;
    assert_eq!(answers["answers"][0]["version"], 2);

    // After an error the weights stay as they are.
    std::fs::write(&file, b"no weights").expect("a file");
    service.model.reload().expect_err("no weights");
    let (status, answers) = post(&service.routes, "application/octet-stream", body).await;
    assert_eq!(
        (status.as_u16(), &answers["answers"][0]["version"]),
        (200, &json!(2))
    );
}

#[tokio::test]
async fn health_metrics_and_the_description_are_there() {
    let service = usual();
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let (status, body) = send(&service.routes, request).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        String::from_utf8(body).expect("a text")
    };
    assert_eq!(get("/health").await, "ok");
    assert!(
        get("/metrics")
            .await
            .contains("service_requests_total{status=\"200\"} 1")
    );

    let description: Value = serde_json::from_str(&get("/openapi.json").await).expect("JSON");
    let image = &description["components"]["schemas"]["Images"]["properties"]["images"]["items"];
    assert_eq!(image["minItems"], 784);
    for status in ["200", "400", "408", "413", "415", "422", "503"] {
        assert!(description["paths"]["/predict"]["post"]["responses"][status].is_object());
    }
}
