//! Readers of data, weight files, and files that are written.

#[path = "../common/mod.rs"]
mod common;

mod amps;
mod conversions;
mod data_audio;
mod data_cifar;
mod data_csv;
mod data_idx;
mod data_images;
mod data_npy;
mod data_text;
mod efficientnet;
mod faces;
mod g2p;
mod gpt2;
mod inference_only;
mod interchange;
mod minilm;
mod onnx;
mod onnx_export;
mod onnx_export_int8;
mod onnx_export_wiring;
mod preprocessing;
mod rnnoise;
mod saving;
mod tokenizers;
mod vad;
mod weights;
mod weights_half;
mod weights_names;
mod weights_order;
mod weights_shards;
