//! A guide in fifteen pages. Its programs are complete, and are compiled and run with the tests.
//!
//! | page | what it is about |
//! |---|---|
//! | [`first_network`] | a network that is defined, trained and used |
//! | [`training`] | the trainer: validation, schedules, checkpoints, errors |
//! | [`data`] | samples in memory, readers of files, batches |
//! | [`images`] | convolutions, augmentation, labels of pixels, boxes, folding |
//! | [`sequences`] | text and sound: vocabularies, language models, padding, generation, recurrent layers |
//! | [`weights`] | weight files, from PyTorch and to PyTorch |
//! | [`onnx`] | networks from ONNX files |
//! | [`quantization`] | 8-bit weights: calibration, training in 8 bits, files |
//! | [`fine_tuning`] | frozen layers, low-rank adaptation, learning rates of layers, distillation |
//! | [`own_layers`] | layers and losses of your own |
//! | [`compile_errors`] | mistakes, what the compiler says to them, and how to mend them |
//! | [`distributed`] | training on several machines: ranks, shards, pipelines, faults, clusters |
//! | [`performance`] | batches, threads, memory, debug builds, instruction tiers, denormal numbers |
//! | [`embedding`] | networks in applications, real-time callbacks, services, C and Python; where it runs |
//! | [`examples`] | the programs in the repository and their results |

pub mod first_network {
    #![doc = include_str!("first_network.md")]
}

pub mod training {
    #![doc = include_str!("training.md")]
}

pub mod data {
    #![doc = include_str!("data.md")]
}

pub mod images {
    #![doc = include_str!("images.md")]
}

pub mod sequences {
    #![doc = include_str!("sequences.md")]
}

pub mod weights {
    #![doc = include_str!("weights.md")]
    #![doc = ""]
    #![cfg_attr(feature = "safetensors", doc = "[`weights`]: crate::weights")]
    #![cfg_attr(not(feature = "safetensors"), doc = "[`weights`]: crate#features")]
    #![cfg_attr(
        feature = "safetensors",
        doc = "[`include_weights!`]: crate::include_weights!"
    )]
    #![cfg_attr(
        not(feature = "safetensors"),
        doc = "[`include_weights!`]: crate#features"
    )]
}

pub mod onnx {
    #![doc = include_str!("onnx.md")]
    #![doc = ""]
    #![cfg_attr(not(feature = "onnx"), doc = "The feature is off here.")]
}

pub mod quantization {
    #![doc = include_str!("quantization.md")]
}

pub mod fine_tuning {
    #![doc = include_str!("fine_tuning.md")]
}

pub mod own_layers {
    #![doc = include_str!("own_layers.md")]
}

pub mod compile_errors {
    #![doc = include_str!("compile_errors.md")]
}

pub mod distributed {
    #![doc = include_str!("distributed.md")]
}

pub mod performance {
    #![doc = include_str!("performance.md")]
}

pub mod embedding {
    #![doc = include_str!("embedding.md")]
    #![doc = ""]
    #![cfg_attr(
        feature = "safetensors",
        doc = "[`include_weights!`]: crate::include_weights!"
    )]
    #![cfg_attr(
        not(feature = "safetensors"),
        doc = "[`include_weights!`]: crate#features"
    )]
}

pub mod examples {
    #![doc = include_str!("examples.md")]
}

#[cfg(test)]
mod tests;
