//! Draws random augmentations of handwritten digits: a sheet of pictures as PNG, one row for each
//! kind of change, with the unchanged picture first.
//!
//! ```sh
//! cargo run --release --features gzip,plots --example augment -- [path/to/mnist] [sheet.png]
//! ```
//!
//! Without a folder of MNIST's files, it enlarges the digits of 8 by 8 pixels in `examples/data`.

use std::error::Error;
use std::path::Path;

use shapewright::augment::{
    Augment, Augmenter, ColorJitter, GaussianNoise, Interpolation, RandomAffine, RandomCrop,
    RandomErasing, RandomHorizontalFlip, RandomRotation, RandomVerticalFlip, mix,
};
use shapewright::data::idx::Mnist;
use shapewright::plots::{Caption, ImageGrid};
use shapewright::prelude::*;
use shapewright::tensor::{Rank2, Rank3};

#[path = "data/digits.rs"]
mod digits;

/// The number of pictures in a row.
const COLUMNS: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let (sheets, rest): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.ends_with(".png"));
    let path = sheets.first().map_or("augment.png", String::as_str);

    match rest.first() {
        Some(folder) => sheet(
            &Mnist::<Rank3<28, 28, 1>>::read(folder)?.train_images[..COLUMNS],
            path.as_ref(),
        )?,
        None => sheet(&enlarged()?, path.as_ref())?,
    }
    println!("written to {path}");
    Ok(())
}

/// Returns the first digits of the file, each pixel enlarged to a square of 4 by 4.
fn enlarged() -> Result<Vec<Tensor3<32, 32, 1>>, Box<dyn Error>> {
    let (images, _) = digits::read::<Rank2<8, 8>>()?;
    let enlarge =
        |pixels: &Tensor2<8, 8>| Tensor3::from_fn(|[row, column, _]| pixels[[row / 4, column / 4]]);
    Ok(images.iter().take(COLUMNS).map(enlarge).collect())
}

/// Draws the sheet.
fn sheet<const H: usize, const W: usize>(
    digits: &[Tensor3<H, W, 1>],
    path: &Path,
) -> Result<(), Box<dyn Error>> {
    let shift = RandomAffine::new(0.0).translate(0.2, 0.2);
    let affine = RandomAffine::new(15.0)
        .translate(0.1, 0.1)
        .scale(0.8, 1.2)
        .shear(10.0);
    let affine = affine.interpolation(Interpolation::Bilinear);
    let color = ColorJitter::new().brightness(0.5).contrast(0.5);

    let mut rows = Vec::new();
    row(
        &mut rows,
        digits,
        "flipped: RandomHorizontalFlip, RandomVerticalFlip",
        (RandomHorizontalFlip::new(0.5), RandomVerticalFlip::new(0.5)),
    );
    row(&mut rows, digits, "shifted: RandomAffine::translate", shift);
    row(
        &mut rows,
        digits,
        "cut out of a padded image: RandomCrop",
        RandomCrop::<4>::new(),
    );
    row(
        &mut rows,
        digits,
        "rotated, nearest pixel: RandomRotation",
        RandomRotation::new(30.0),
    );
    row(
        &mut rows,
        digits,
        "rotated, shifted, scaled and sheared, bilinear: RandomAffine",
        affine,
    );
    row(
        &mut rows,
        digits,
        "brightness and contrast: ColorJitter",
        color,
    );
    row(
        &mut rows,
        digits,
        "noise: GaussianNoise",
        GaussianNoise::new(0.2),
    );
    row(
        &mut rows,
        digits,
        "a rectangle erased: RandomErasing",
        RandomErasing::new(1.0).value(0.5),
    );
    row(
        &mut rows,
        digits,
        "several: RandomAffine, ColorJitter, GaussianNoise, RandomErasing",
        (
            affine,
            color,
            GaussianNoise::new(0.05),
            RandomErasing::new(0.5),
        ),
    );

    let mut mixed = digits.to_vec();
    // `MixUp` draws this weight for each batch.
    mix(&mut mixed, 0.6);
    println!("mixed in pairs, the first with the last: MixUp");
    rows.push(mixed);

    let mut sheet = ImageGrid::new().columns(COLUMNS).scale(2);
    for picture in rows.iter().flatten() {
        sheet.add(picture, Caption::default());
    }
    sheet.save(path)?;
    Ok(())
}

/// Adds a row: an unchanged digit, and its augmentation in each epoch. Each row has another digit.
fn row<const H: usize, const W: usize>(
    rows: &mut Vec<Vec<Tensor3<H, W, 1>>>,
    digits: &[Tensor3<H, W, 1>],
    name: &str,
    list: impl Augment<Rank3<H, W, 1>, f32>,
) {
    println!("{name}");
    let index = rows.len() % digits.len();
    let mut pictures = vec![digits[index]; COLUMNS];
    let mut augmenter = Augmenter::new(list, 0);
    for (epoch, picture) in pictures.iter_mut().enumerate().skip(1) {
        augmenter.augment(epoch, index, picture);
    }
    rows.push(pictures);
}
