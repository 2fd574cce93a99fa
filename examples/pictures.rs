//! Visualizes a trained convolutional network: draws the test images that it misclassifies, the
//! filters of its first layer, and saliency maps.
//!
//! ```sh
//! cargo run --release --features gzip,plots,progress --example pictures -- [path/to/mnist]
//! ```
//!
//! It writes to `target/pictures`:
//! - `wrong.png`: misclassified images, with predictions and labels;
//! - `filters.png`: the weights of the first layer, from the lowest (black) to the highest (white)
//!   of each filter;
//! - `saliency.png`: images, and below each the magnitude of the gradient of the predicted class's
//!   score with respect to the pixels: the brighter a pixel, the more it affects the score (K.
//!   Simonyan, A. Vedaldi and A. Zisserman, 2013, "Deep Inside Convolutional Networks").
//!
//! With MNIST's folder, the images have 28 by 28 pixels; without, they are the digits of 8 by 8
//! pixels in `examples/data`.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use shapewright::data::{gather, stratified_split};
use shapewright::plots::{Caption, ImageGrid};
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank3};

#[path = "data/digits.rs"]
mod digits;
#[path = "data/mnist.rs"]
mod mnist;

network! {
    struct OfMnist: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 32, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

network! {
    struct OfDigits: [8, 8, 1] -> [10] {
        conv1: Conv2d<_, 16, 3, Pad<1>>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 32, 3, Pad<1>>,
        Relu,
        Flatten,
        fc: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut rng = shapewright::rng(0);
    if std::env::args_os().len() > 1 {
        let mnist = mnist::read()?;

        let mut net = OfMnist::init(&mut rng);
        OfMnist::trainer(Adam::new(1e-3), CrossEntropy)
            .epochs(2)
            .batch_size(64)
            .progress(true)
            .fit(&mut net, &mnist.train_images, &mnist.train_labels)?;

        draw(
            &*net,
            &filters(&net.conv1.weight),
            &mnist.test_images,
            &mnist.test_labels,
            4,
        )
    } else {
        let (images, labels) = digits::read()?;
        let [train, test] = stratified_split(&labels, [0.5, 0.5], &mut rng)?
            .map(|part| (gather(&images, &part), gather(&labels, &part)));

        let mut net = OfDigits::init(&mut rng);
        OfDigits::trainer(Adam::new(1e-3), CrossEntropy)
            .epochs(20)
            .progress(true)
            .fit(&mut net, &train.0, &train.1)?;

        draw(&*net, &filters(&net.conv1.weight), &test.0, &test.1, 8)
    }
}

/// Returns the filters of a layer as images. The last axis of the weight is that of the filters.
fn filters<const K: usize, const CO: usize>(
    weight: &[[[[f32; CO]; 1]; K]; K],
) -> Vec<Tensor3<K, K, 1>> {
    (0..CO)
        .map(|filter| Tensor3::from_fn(|[y, x, channel]| weight[y][x][channel][filter]))
        .collect()
}

/// Draws all pictures, each pixel `scale` pixels wide.
fn draw<const SIDE: usize, const K: usize, N>(
    net: &N,
    filters: &[Tensor3<K, K, 1>],
    images: &[Tensor3<SIDE, SIDE, 1>],
    labels: &[Label<10>],
    scale: usize,
) -> Result<(), Box<dyn Error>>
where
    N: Trainable<Element = f32, Input = Rank3<SIDE, SIDE, 1>, Output = Rank1<10>>,
{
    let folder = Path::new("target/pictures");
    std::fs::create_dir_all(folder)?;

    let mut scores = vec![Tensor1::zeros(); images.len()];
    net.forward_batch(images, &mut scores);
    let read: Vec<usize> = scores.iter().map(|scores| scores.argmax()).collect();

    let is_wrong = |&i: &usize| read[i] != labels[i].index();
    let wrong: Vec<usize> = (0..images.len()).filter(is_wrong).collect();
    let right = images.len() - wrong.len();
    println!(
        "test accuracy: {:.2} %",
        100.0 * right as f64 / images.len() as f64
    );

    let grid = || ImageGrid::new().columns(10).scale(scale).range_of_each();
    let mut misread = grid();
    for &i in wrong.iter().take(40) {
        misread.add(
            &images[i],
            Caption::wrong(format!("{}, not {}", read[i], labels[i].index())),
        );
    }
    if misread.is_empty() {
        println!("it misreads no image, so that there is no wrong.png");
    } else {
        misread.save(folder.join("wrong.png"))?;
    }

    let mut of_filters = ImageGrid::new().columns(8).scale(16).range_of_each();
    for filter in filters {
        of_filters.add(filter, "");
    }
    of_filters.save(folder.join("filters.png"))?;

    let shown = &images[..10];
    let mut of_pixels = grid();
    for (image, read) in shown.iter().zip(&read) {
        of_pixels.add(image, read.to_string());
    }
    for saliency in saliency(net, shown) {
        of_pixels.add(&saliency, "");
    }
    of_pixels.save(folder.join("saliency.png"))?;
    println!("the pictures are in {}", folder.display());
    Ok(())
}

/// Returns the magnitude of the gradient of the predicted class's score with respect to each pixel.
fn saliency<S: Shape, N>(net: &N, images: &[Tensor<S>]) -> Vec<Tensor<S>>
where
    N: Trainable<Element = f32, Input = S, Output = Rank1<10>>,
{
    let mut workspace = N::workspace();
    let mut gradient = N::zeros();

    let mut pass = net.forward_train(images, &mut workspace);
    let winners: Vec<usize> = pass
        .outputs()
        .iter()
        .map(|scores| scores.argmax())
        .collect();
    for (gradient, winner) in pass.output_gradients_mut().iter_mut().zip(winners) {
        gradient[winner] = 1.0;
    }
    pass.backward_with_input(&mut gradient)
        .iter()
        .map(|of_image| of_image.map(f32::abs))
        .collect()
}
