//! The routes: what comes in, what goes out, and a sentence for everything that is wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::batcher::{Answer, Batcher, Refused};
use crate::metrics::Metrics;
use crate::model::{Image, PIXELS, image};
use crate::openapi;

/// The limits of a request.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest number of bytes of a body.
    pub bytes: usize,
    /// The largest number of images.
    pub images: usize,
    /// The longest time from the head of a request to its answer.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bytes: 1 << 20,
            images: 64,
            time: Duration::from_secs(5),
        }
    }
}

/// The state that all requests share.
#[derive(Clone)]
struct Shared {
    batcher: Batcher,
    metrics: Arc<Metrics>,
    limits: Limits,
}

/// Returns the routes.
pub fn routes(batcher: Batcher, metrics: Arc<Metrics>, limits: Limits) -> Router {
    let shared = Shared {
        batcher,
        metrics,
        limits,
    };
    Router::new()
        .route("/predict", post(predict))
        .route("/health", get(async || "ok"))
        .route("/metrics", get(metrics_text))
        .route("/openapi.json", get(description))
        .method_not_allowed_fallback(async || {
            let sentence = "this path has another method; /openapi.json has all of them";
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, sentence)
        })
        .fallback(async || {
            let sentence = "there is nothing at this path; /openapi.json has all of them";
            Failure::new(StatusCode::NOT_FOUND, sentence)
        })
        .layer(DefaultBodyLimit::max(limits.bytes))
        .layer(middleware::from_fn_with_state(shared.clone(), measured))
        .with_state(shared)
}

/// An answer that is no success: a status and a sentence, as `{"error": sentence}`.
#[derive(Debug)]
struct Failure {
    status: StatusCode,
    sentence: String,
}

impl Failure {
    fn new(status: StatusCode, sentence: impl Into<String>) -> Self {
        Failure {
            status,
            sentence: sentence.into(),
        }
    }

    fn unprocessable(sentence: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, sentence)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.sentence }));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            (self.status, [(header::RETRY_AFTER, "1")], body).into_response()
        } else {
            (self.status, body).into_response()
        }
    }
}

/// Ends a request that takes too long, and counts each.
async fn measured(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let limit = shared.limits.time;
    let response = match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let sentence = format!("the answer took longer than {limit:?}");
            Failure::new(StatusCode::REQUEST_TIMEOUT, sentence).into_response()
        }
    };
    shared
        .metrics
        .request(response.status().as_u16(), start.elapsed());
    response
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.metrics.text())
}

async fn description(State(shared): State<Shared>) -> impl IntoResponse {
    Json(openapi::description(&shared.limits))
}

/// The body of a request in JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Images {
    images: Vec<Vec<f32>>,
}

/// An answer in JSON.
#[derive(Serialize)]
struct AnswerJson {
    class: usize,
    probabilities: Vec<f32>,
    version: u64,
}

/// The two forms of bodies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Binary,
}

async fn predict(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let form = form_of(&headers)?;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let sentence = format!("the body has more than {} bytes", shared.limits.bytes);
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, sentence)
        }
        _ => Failure::new(StatusCode::BAD_REQUEST, "the body ended before its length"),
    })?;

    let images = match form {
        Form::Json => images_of_json(&body)?,
        Form::Binary => images_of_bytes(&body)?,
    };
    let (n, most) = (images.len(), shared.limits.images);
    if n == 0 || n > most {
        let sentence = format!("the request has {n} images; it must have 1 to {most}");
        return Err(Failure::unprocessable(sentence));
    }

    let answers = shared.batcher.compute(images).await.map_err(|refused| {
        let (status, sentence) = match refused {
            Refused::Full => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many images wait; ask again in a second",
            ),
            Refused::Failed => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the network did not answer",
            ),
        };
        Failure::new(status, sentence)
    })?;

    let wants_bytes = headers
        .get(header::ACCEPT)
        .is_some_and(|accept| accept.as_bytes() == b"application/octet-stream");
    Ok(if wants_bytes {
        let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
        (kind, bytes_of(&answers)).into_response()
    } else {
        let answers: Vec<AnswerJson> = answers.iter().map(json_of).collect();
        Json(json!({ "answers": answers })).into_response()
    })
}

/// Returns the form that a request says its body has.
fn form_of(headers: &HeaderMap) -> Result<Form, Failure> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("");
    match kind.split(';').next().unwrap_or("").trim() {
        "application/json" => Ok(Form::Json),
        "application/octet-stream" => Ok(Form::Binary),
        _ => Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type must be application/json or application/octet-stream",
        )),
    }
}

fn images_of_json(body: &[u8]) -> Result<Vec<Image>, Failure> {
    let body: Images = serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            Failure::unprocessable(format!(
                "the body must be {{\"images\": [[pixel, ..], ..]}}: {error}"
            ))
        } else {
            Failure::new(
                StatusCode::BAD_REQUEST,
                format!("the body is no JSON: {error}"),
            )
        }
    })?;
    let images = body.images.iter().enumerate();
    images
        .map(|(index, pixels)| checked(index, pixels))
        .collect()
}

fn images_of_bytes(body: &[u8]) -> Result<Vec<Image>, Failure> {
    let bytes = 4 * PIXELS;
    if !body.len().is_multiple_of(bytes) {
        let found = body.len();
        return Err(Failure::unprocessable(format!(
            "the body has {found} bytes; it must have {bytes} for each image, {PIXELS} f32"
        )));
    }
    let images = body.chunks_exact(bytes).enumerate();
    images
        .map(|(index, bytes)| {
            let (numbers, _) = bytes.as_chunks();
            let pixels: Vec<f32> = numbers.iter().map(|x| f32::from_le_bytes(*x)).collect();
            checked(index, &pixels)
        })
        .collect()
}

/// Returns an image of the right number of pixels between 0 and 1.
fn checked(index: usize, pixels: &[f32]) -> Result<Image, Failure> {
    let Ok(array) = pixels.try_into() else {
        let found = pixels.len();
        return Err(Failure::unprocessable(format!(
            "image {index} has {found} pixels; it must have {PIXELS}, 28 rows of 28"
        )));
    };
    if let Some(at) = pixels.iter().position(|x| !(0.0..=1.0).contains(x)) {
        let found = pixels[at];
        return Err(Failure::unprocessable(format!(
            "pixel {at} of image {index} is {found}; it must be from 0 to 1"
        )));
    }
    Ok(image(array))
}

fn json_of(answer: &Answer) -> AnswerJson {
    AnswerJson {
        class: answer.probabilities.argmax(),
        probabilities: answer.probabilities.as_slice().to_vec(),
        version: answer.version,
    }
}

fn bytes_of(answers: &[Answer]) -> Vec<u8> {
    let numbers = answers
        .iter()
        .flat_map(|answer| answer.probabilities.iter());
    numbers.flat_map(|x| x.to_le_bytes()).collect()
}
