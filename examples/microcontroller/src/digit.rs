//! Classifies a handwritten digit with LeNet on a Cortex-M4: no operating system, no allocator, the
//! weights in flash.
//!
//! `examples/microcontroller/run` runs it in QEMU and on the host, and compares the bits of both.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg_attr(target_os = "none", path = "board.rs")]
#[cfg_attr(not(target_os = "none"), path = "host.rs")]
mod platform;

use platform::{print, print_bits, print_number};
use shapewright::prelude::*;
use shapewright::{InferenceWorkspace, include_weights};

network! {
    /// The network of `examples/lenet.rs`, which trains it and writes its weights.
    struct LeNet: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 6, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc1: Linear<_, 120>,
        Relu,
        fc2: Linear<_, 84>,
        Relu,
        head: Linear<_, 10>,
    }
}

/// The weights, in flash. The compiler has checked that they fit the network.
static LENET: &LeNet = include_weights!("../lenet.safetensors" as LeNet);

/// A picture as a portable graymap: a header of three lines, then a byte for each pixel.
static DIGIT: &[u8; 13 + 28 * 28] = include_bytes!("../digit.pgm");

/// The mean and the standard deviation of the pixels that the network was trained with.
const MEAN: f32 = 0.130_660_5;
const DEVIATION: f32 = 0.308_107_8;

#[cfg_attr(target_os = "none", allow(dead_code))]
fn main() {
    let mut image = Tensor3::zeros();
    for (x, &pixel) in image.iter_mut().zip(&DIGIT[13..]) {
        *x = (f32::from(pixel) / 255.0 - MEAN) / DEVIATION;
    }

    static mut WORKSPACE: InferenceWorkspace<LeNet> = InferenceWorkspace::new();
    // SAFETY: `main` runs once, and nothing else can name the variable.
    let workspace = unsafe { &mut *(&raw mut WORKSPACE) };

    let (logits, instructions) =
        platform::count_instructions(|| LENET.forward_with(&image, workspace));

    for logit in &logits {
        print("logit ");
        print_bits(logit.to_bits());
        print("\n");
    }
    print("class ");
    print_number(logits.argmax() as u32);
    print("\n");
    platform::print_figures(size_of::<LeNet>(), instructions);
}
