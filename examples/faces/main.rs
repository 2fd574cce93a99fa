//! Finds faces, their eyes, noses and mouths in a photo, with networks that others have trained:
//! MTCNN (Zhang et al., 2016).
//!
//! Its weights are not part of the crate. The script beside this file fetches them, and a photo:
//!
//! ```sh
//! python3 examples/faces/fetch.py target/faces
//! cargo run --release --features images,safetensors --example faces -- \
//!     target/faces target/faces/astronaut.png
//! ```
//!
//! It draws the photo with the faces to `target/found.png`, or to the file that is given as a third
//! argument.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use image::{Rgb, RgbImage};

mod finder;
mod model;
mod photo;

use finder::Face;
use model::Networks;
use photo::Photo;

/// The shortest side of a face that is found, in pixels.
const MIN_SIDE: f64 = 20.0;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, photo, drawing @ ..] = arguments.as_slice() else {
        println!("arguments: the folder of the weights, and a PNG or JPEG");
        return Ok(());
    };
    let networks = Networks::read(Path::new(folder))?;
    let mut image = image::open(photo)?.to_rgb8();
    if image.width() == 0 || image.height() == 0 {
        return Err("the photo has no pixels".into());
    }

    let start = Instant::now();
    let faces = finder::faces(&networks, &Photo::new(&image), MIN_SIDE)?;
    println!("{:.0} ms", 1e3 * start.elapsed().as_secs_f64());

    for face in &faces {
        let [x1, y1, x2, y2] = face.bbox.to_xyxy();
        println!(
            "a face from ({x1:.0}, {y1:.0}) to ({x2:.0}, {y2:.0}), {:.1} %",
            100.0 * face.score
        );
        draw(&mut image, face);
    }
    println!("{} found", faces.len());

    let path = drawing.first().map_or("target/found.png", String::as_str);
    image.save(path)?;
    println!("{path} shows where");
    Ok(())
}

/// Draws the box of a face and its five points.
fn draw(image: &mut RgbImage, face: &Face) {
    let [x1, y1, x2, y2] = face.bbox.to_xyxy();
    let mut dot = |x: f32, y: f32| {
        let inside = |at: f32, len: u32| (0.0..len as f32).contains(&at);
        if inside(x, image.width()) && inside(y, image.height()) {
            image.put_pixel(x as u32, y as u32, Rgb([0, 220, 130]));
        }
    };

    let line = |from: f32, to: f32, dot: &mut dyn FnMut(f32)| {
        let mut at = from;
        while at <= to {
            dot(at);
            at += 1.0;
        }
    };
    for wide in [0.0, 1.0] {
        line(x1, x2, &mut |x| {
            dot(x, y1 + wide);
            dot(x, y2 - wide);
        });
        line(y1, y2, &mut |y| {
            dot(x1 + wide, y);
            dot(x2 - wide, y);
        });
    }
    for [x, y] in face.landmarks {
        for at in 0..9 {
            dot(x + (at % 3) as f32 - 1.0, y + (at / 3) as f32 - 1.0);
        }
    }
}
