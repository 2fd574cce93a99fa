//! The description of the service for programs: OpenAPI 3.1.

use serde_json::{Value, json};

use crate::api::Limits;
use crate::model::{CLASSES, PIXELS};

/// Returns the description, with the shapes of the network and the limits of the service.
pub(crate) fn description(limits: &Limits) -> Value {
    let error = |description: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Error" });
        json!({ "description": description, "content": { "application/json": { "schema": schema } } })
    };
    let answers = json!({
        "application/json": { "schema": { "$ref": "#/components/schemas/Answers" } },
        "application/octet-stream": { "schema": {
            "type": "string",
            "format": "binary",
            "description": format!("{CLASSES} probabilities for each image, f32 in little-endian order"),
        } },
    });

    json!({
        "openapi": "3.1.0",
        "info": { "title": "Handwritten digits", "version": env!("CARGO_PKG_VERSION") },
        "paths": {
            "/predict": { "post": {
                "summary": "Classifies images of 28 x 28 pixels",
                "requestBody": { "required": true, "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Images" } },
                    "application/octet-stream": { "schema": {
                        "type": "string",
                        "format": "binary",
                        "description": format!("{PIXELS} pixels for each image, f32 in little-endian order"),
                    } },
                } },
                "responses": {
                    "200": { "description": "The classes", "content": answers },
                    "400": error("The body is no JSON"),
                    "408": error("The answer took too long"),
                    "413": error(&format!("The body has more than {} bytes", limits.bytes)),
                    "415": error("The body is neither JSON nor binary"),
                    "422": error("The numbers are no images"),
                    "503": error("Too many images wait"),
                },
            } },
            "/health": { "get": {
                "summary": "Says that the service runs",
                "responses": { "200": { "description": "It runs" } },
            } },
            "/metrics": { "get": {
                "summary": "Counts for Prometheus",
                "responses": { "200": { "description": "The text format of Prometheus" } },
            } },
        },
        "components": { "schemas": {
            "Images": {
                "type": "object",
                "required": ["images"],
                "additionalProperties": false,
                "properties": { "images": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": limits.images,
                    "items": {
                        "type": "array",
                        "description": "The rows of an image, from the top; 0 is black, 1 is white",
                        "minItems": PIXELS,
                        "maxItems": PIXELS,
                        "items": { "type": "number", "minimum": 0, "maximum": 1 },
                    },
                } },
            },
            "Answers": {
                "type": "object",
                "required": ["answers"],
                "properties": { "answers": { "type": "array", "items": {
                    "type": "object",
                    "required": ["class", "probabilities", "version"],
                    "properties": {
                        "class": { "type": "integer", "minimum": 0, "maximum": CLASSES - 1 },
                        "probabilities": {
                            "type": "array",
                            "minItems": CLASSES,
                            "maxItems": CLASSES,
                            "items": { "type": "number" },
                        },
                        "version": { "type": "integer", "description": "The number of the weights" },
                    },
                } } },
            },
            "Error": {
                "type": "object",
                "required": ["error"],
                "properties": { "error": { "type": "string" } },
            },
        } },
    })
}
