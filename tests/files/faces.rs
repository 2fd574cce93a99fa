//! MTCNN, a cascade of three networks that others have trained, against the faces that
//! facenet-pytorch finds.
#![cfg(all(feature = "images", feature = "safetensors"))]

use image::{RgbImage, imageops};

use crate::common::faces_folder;

#[path = "../../examples/faces/finder.rs"]
mod finder;
#[path = "../../examples/faces/model.rs"]
mod model;
#[path = "../../examples/faces/photo.rs"]
mod photo;

use finder::Face;
use model::Networks;
use photo::Photo;

#[test]
fn faces_are_those_of_facenet_pytorch() {
    let Some(folder) = faces_folder() else {
        return;
    };
    let networks = Networks::read(&folder).expect("the weights");
    let photo = image::open(folder.join("astronaut.png"))
        .expect("the photo")
        .to_rgb8();

    // Copies of a half and a quarter of the size, beside the photo.
    let mut group = RgbImage::new(768, 512);
    imageops::replace(&mut group, &photo, 0, 0);
    for (n, top) in [(2, 0), (4, 256)] {
        let smaller = RgbImage::from_fn(512 / n, 512 / n, |x, y| *photo.get_pixel(n * x, n * y));
        imageops::replace(&mut group, &smaller, 512, top);
    }

    for (name, picture) in [("photo", &photo), ("group", &group)] {
        let found = finder::faces(&networks, &Photo::new(picture), 20.0).expect("faces");
        let found: Vec<Vec<f32>> = found.iter().map(numbers).collect();
        let expected: Vec<Vec<f32>> = include_str!("faces.tsv")
            .lines()
            .filter_map(|line| line.strip_prefix(name))
            .map(|line| {
                let numbers = line.split_whitespace();
                numbers.map(|n| n.parse().expect("a number")).collect()
            })
            .collect();

        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            for (a, b) in found.iter().zip(expected) {
                assert!(
                    (a - b).abs() < 0.01,
                    "{name}: {found:?}, expected {expected:?}"
                );
            }
        }
    }
}

/// Returns the numbers of a face in the order of the file.
fn numbers(face: &Face) -> Vec<f32> {
    let mut numbers = face.bbox.to_xyxy().to_vec();
    numbers.push(face.score);
    numbers.extend(face.landmarks.as_flattened());
    numbers
}
