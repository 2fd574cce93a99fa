//! A reader of MNIST, for several examples.

use std::error::Error;

use shapewright::data::idx::Mnist;
use shapewright::prelude::*;

/// Reads the images and labels in the folder that is the program's first argument, and standardizes
/// the pixels.
pub fn read<S: Shape>() -> Result<Mnist<S>, Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or(
        "give the folder with MNIST's files as the first argument; it holds `train-images-idx3-ubyte`, \
         `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and `t10k-labels-idx1-ubyte`, unpacked or, with the \
         feature `gzip`, with `.gz` at the end",
    )?;
    let mut mnist = Mnist::read(folder)?;
    standardize(&mut mnist);
    Ok(mnist)
}

/// Shifts and scales the pixels to mean 0 and standard deviation 1 in the training images.
fn standardize<S: Shape>(mnist: &mut Mnist<S>) {
    let pixels = || mnist.train_images.iter().flatten().map(|&x| f64::from(x));
    let count = pixels().count() as f64;
    let mean = pixels().sum::<f64>() / count;
    let variance = pixels().map(|x| (x - mean).powi(2)).sum::<f64>() / count;

    let mean = mean as f32;
    let deviation = variance.sqrt() as f32;
    for image in mnist.train_images.iter_mut().chain(&mut mnist.test_images) {
        image.iter_mut().for_each(|x| *x = (*x - mean) / deviation);
    }
}
