//! A reader of the digits, for several examples.

use std::error::Error;

use shapewright::prelude::*;

type Samples<S> = (Vec<Tensor<S>>, Vec<Label<10>>);

/// Returns the pixels, from 0 to 1 in any shape with 64 elements, and the digits. An error names
/// the wrong line.
pub fn read<S: Shape>() -> Result<Samples<S>, Box<dyn Error>> {
    let mut images = Vec::new();
    let mut labels = Vec::new();
    let csv = include_str!("digits.csv");
    for row in csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(csv.as_bytes())
        .deserialize()
    {
        let numbers: Vec<u8> = row?;
        let (label, pixels) = numbers.split_last().ok_or("an empty line")?;
        images.push(Tensor::from_slice(pixels)?.map(|ink| f32::from(ink) / 16.0));
        labels.push(Label::new(usize::from(*label))?);
    }
    Ok((images, labels))
}
