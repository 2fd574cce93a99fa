//! Segments pictures with circles, squares and triangles in noise: trains a small U-Net
//! (Ronneberger, Fischer and Brox, 2015, "U-Net: Convolutional Networks for Biomedical Image
//! Segmentation") on pictures that the program draws itself. Prints the loss per pixel and the mean
//! intersection over union (IoU) of each epoch, and the IoU of each class on test pictures.
//!
//! ```sh
//! cargo run --release --features plots --example segmentation
//! ```
//!
//! It writes to `target/segmentation`, or to the folder that is given as an argument: pictures with
//! their true and predicted masks (`masks.png`), and the learning curve (`curve.png`).

use std::error::Error;
use std::f32::consts::{PI, TAU};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rand::distr::{Distribution, Uniform};
use rand::{Rng, RngExt};
use shapewright::metrics::MeanIou;
use shapewright::plots::ImageGrid;
use shapewright::prelude::*;
use shapewright::rand;

/// The height and width of the pictures.
const SIZE: usize = 48;
const CLASSES: [&str; 4] = ["background", "circle", "square", "triangle"];
const TRAIN: usize = 2400;
const VALIDATION: usize = 100;
const TEST: usize = 300;
const EPOCHS: usize = 8;

network! {
    /// Maps grey pictures to the scores of four classes for each pixel.
    ///
    /// The way down halves the pictures, which enlarges the receptive field; the way up joins the
    /// result with the details that the halving lost.
    struct UNet: [SIZE, SIZE, 1] -> [SIZE, SIZE, 4] {
        down1: Conv2d<_, 8, 3, Pad<1>, NoBias>,
        BatchNorm2d<_>,
        Relu,
        Concat {
            skip: {},
            deep: {
                MaxPool2d<2>,
                down2: Conv2d<_, 16, 3, Pad<1>, NoBias>,
                BatchNorm2d<_>,
                Relu,
                Concat {
                    skip: {},
                    deep: {
                        MaxPool2d<2>,
                        down3: Conv2d<_, 32, 3, Pad<1>, NoBias>,
                        BatchNorm2d<_>,
                        Relu,
                        Concat {
                            skip: {},
                            deep: {
                                MaxPool2d<2>,
                                bottom: Conv2d<_, 64, 3, Pad<1>, NoBias>,
                                BatchNorm2d<_>,
                                Relu,
                                Upsample<2>,
                            },
                        },
                        up3: Conv2d<_, 32, 3, Pad<1>, NoBias>,
                        BatchNorm2d<_>,
                        Relu,
                        Upsample<2>,
                    },
                },
                up2: Conv2d<_, 16, 3, Pad<1>, NoBias>,
                BatchNorm2d<_>,
                Relu,
                Upsample<2>,
            },
        },
        up1: Conv2d<_, 8, 3, Pad<1>, NoBias>,
        BatchNorm2d<_>,
        Relu,
        head: Conv2d<_, 4, 1>,
    }
}

type Picture = Tensor3<SIZE, SIZE, 1>;
type Mask = [[Label<4>; SIZE]; SIZE];

/// Pictures, and the class of each of their pixels.
struct Samples {
    pictures: Vec<Picture>,
    masks: Vec<Mask>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .unwrap_or("target/segmentation".into()),
    );
    fs::create_dir_all(&folder)?;

    let rng = &mut shapewright::rng(0);
    let train = draw(TRAIN, rng)?;
    let validation = draw(VALIDATION, rng)?;
    let test = draw(TEST, rng)?;
    println!("{}", UNet::summary());

    let mut net = UNet::init(rng);
    let start = Instant::now();
    let batch = 20;
    let history = UNet::trainer(AdamW::new(0.0), CrossEntropy)
        .schedule(OneCycleLr::new(0.01, (EPOCHS * TRAIN / batch) as u64))
        .epochs(EPOCHS)
        .batch_size(batch)
        .validate(&validation.pictures, &validation.masks)
        .metric(MeanIou::new())
        .on_epoch(|epoch, _| {
            println!(
                "epoch {:>2}: loss per pixel {:.4}, validation mean IoU {:.4}",
                epoch.epoch, epoch.loss, epoch.metrics[0].1
            );
            std::ops::ControlFlow::Continue(())
        })
        .fit(&mut net, &train.pictures, &train.masks)?;
    println!("trained in {:.1} s", start.elapsed().as_secs_f64());

    let confusion = net.evaluate(&test.pictures, &test.masks)?;
    println!(
        "\non {TEST} test pictures:\npixel accuracy {:.4}",
        confusion.accuracy()?
    );
    let background = confusion.support()[0] as f64 / confusion.total() as f64;
    println!("({background:.4} if all were background)");
    println!("mean IoU {:.4}", confusion.mean_iou()?);
    for (name, iou) in CLASSES.iter().zip(confusion.iou()) {
        println!("  {name:10} {iou:.4}");
    }

    history.draw(folder.join("curve.png"))?;
    draw_masks(&net, &test, &folder.join("masks.png"))?;
    println!("\npictures are in {}", folder.display());
    Ok(())
}

/// Draws pictures with noise and one to three shapes each, of random size, brightness and rotation,
/// one over the other.
fn draw(count: usize, rng: &mut impl Rng) -> Result<Samples, Box<dyn Error>> {
    let noise = Uniform::new_inclusive(-0.3, 0.3)?;
    let mut samples = Samples {
        pictures: Vec::new(),
        masks: Vec::new(),
    };
    let mut masks = Vec::new();
    for _ in 0..count {
        let mut picture = Picture::full(0.3);
        let mut mask = Tensor2::<SIZE, SIZE, u8>::zeros();
        for _ in 0..rng.random_range(1..=3) {
            let class = rng.random_range(1..CLASSES.len() as u8);
            let middle = [0, 1].map(|_| rng.random_range(6.0..SIZE as f32 - 6.0));
            let radius = rng.random_range(6.0..12.0);
            let rotation = rng.random_range(0.0..TAU);
            let brightness = rng.random_range(0.55..0.9);

            for (y, x) in (0..SIZE).flat_map(|y| (0..SIZE).map(move |x| (y, x))) {
                let point = [y as f32 - middle[0], x as f32 - middle[1]];
                if is_inside(class, point, radius, rotation) {
                    picture[[y, x, 0]] = brightness;
                    mask[[y, x]] = class;
                }
            }
        }
        samples
            .pictures
            .push(picture.map(|x| x + noise.sample(rng)));
        masks.push(mask);
    }
    samples.masks = Label::from_tensors(&masks)?;
    Ok(samples)
}

/// Returns whether a point, relative to the middle of a shape, is inside of it. The corners are
/// `radius` from the middle.
fn is_inside(class: u8, [y, x]: [f32; 2], radius: f32, rotation: f32) -> bool {
    let corners = match class {
        1 => return y.hypot(x) <= radius,
        2 => 4.0,
        _ => 3.0,
    };
    // The angle from the nearest point of a side, which is halfway between two corners.
    let angle = (y.atan2(x) + rotation).rem_euclid(TAU / corners) - PI / corners;
    y.hypot(x) * angle.cos() <= radius * (PI / corners).cos()
}

/// Draws pictures with their true and predicted masks.
fn draw_masks(net: &UNet, test: &Samples, path: &Path) -> Result<(), Box<dyn Error>> {
    let pictures = &test.pictures[..12];
    let mut outputs = vec![Tensor::zeros(); pictures.len()];
    net.forward_batch(pictures, &mut outputs);
    let found = Label::from_scores(&outputs);

    let mut grid = ImageGrid::new().columns(6).scale(3);
    for ((picture, truth), found) in pictures.iter().zip(&test.masks).zip(&found) {
        grid.add(picture, "picture")
            .add(&coloured(truth), "truth")
            .add(&coloured(found), "found");
    }
    Ok(grid.save(path)?)
}

/// Returns a mask in colours that most people can tell apart: circles blue, squares orange,
/// triangles green.
fn coloured(mask: &Mask) -> Tensor3<SIZE, SIZE, 3> {
    const COLOURS: [[f32; 3]; 4] = [
        [0.95; 3],
        [0.0, 0.45, 0.7],
        [0.9, 0.6, 0.0],
        [0.0, 0.6, 0.5],
    ];
    Tensor3::from_fn(|[y, x, channel]| COLOURS[mask[y][x].index()][channel])
}
