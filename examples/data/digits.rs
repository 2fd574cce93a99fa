//! Reads the digits: part of several examples.

use std::error::Error;

use shapewright::prelude::*;

type Samples<S> = (Vec<Tensor<S>>, Vec<Label<10>>);

/// Pixels from 0 to 1 in any shape of 64, and the digits; an error says which line is wrong.
pub fn read<S: Shape>() -> Result<Samples<S>, Box<dyn Error>> {
    let (mut images, mut labels) = (Vec::new(), Vec::new());
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
