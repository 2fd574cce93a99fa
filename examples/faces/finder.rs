//! The cascade: proposals at all sizes, refined and decided.

use shapewright::detection::{BoundingBox, Detection, DetectionError, nms};
use shapewright::prelude::*;
use shapewright::tensor::Rank3;

use super::model::{CELLS, Networks};
use super::photo::{Photo, Region};

/// The side of the squares that the first network looks at, and their distance, in pixels.
const SQUARE: f32 = 12.0;
const STRIDE: usize = 2;
/// The number of pixels from tile to tile.
const TILE_STRIDE: usize = STRIDE * CELLS;
/// Each picture of the pyramid is so much smaller than the one before it.
const FACTOR: f64 = 0.709;
/// The lowest scores that the three networks let pass.
const MIN_SCORES: [f32; 3] = [0.6, 0.7, 0.7];
/// The number of squares or boxes that a network looks at in one call.
const BATCH: usize = 32;

/// A face.
#[derive(Clone, Copy, Debug)]
pub struct Face {
    pub bbox: BoundingBox,
    /// From 0 to 1.
    pub score: f32,
    /// The eyes, the nose and the corners of the mouth: `[x, y]` each.
    pub landmarks: [[f32; 2]; 5],
}

/// A box that may have a face.
#[derive(Clone, Copy)]
struct Candidate {
    bbox: BoundingBox,
    score: f32,
    /// The moves of the sides, as shares of the box.
    offsets: [f32; 4],
    /// Positions as shares of the box.
    landmarks: [f32; 10],
}

/// Returns the faces whose sides are at least `min_side` pixels long, the surest first.
pub fn faces(
    networks: &Networks,
    photo: &Photo,
    min_side: f64,
) -> Result<Vec<Face>, DetectionError> {
    let boxes = propose(networks, photo, min_side)?;
    let boxes = refine(networks, photo, boxes)?;
    Ok(decide(networks, photo, boxes))
}

/// Returns the boxes that the first network takes for faces, at all sizes.
fn propose(
    networks: &Networks,
    photo: &Photo,
    min_side: f64,
) -> Result<Vec<Candidate>, DetectionError> {
    let mut all = Vec::new();
    let mut scale = f64::from(SQUARE) / min_side;
    while photo.height.min(photo.width) as f64 * scale >= f64::from(SQUARE) {
        let size = |side: usize| (side as f64 * scale + 1.0) as usize;
        let scaled = photo.resized(photo.region(), size(photo.width), size(photo.height));
        let found = propose_at(networks, &scaled, scale as f32);
        all.extend(keep(&found, 0.5)?);
        scale *= FACTOR;
    }

    let mut kept = keep(&all, 0.7)?;
    for candidate in &mut kept {
        candidate.bbox = square(moved(candidate, 0.0));
    }
    Ok(kept)
}

/// Returns the boxes for one size: squares of 12 by 12 pixels in a picture of the pyramid, where they
/// are in the photo.
fn propose_at(networks: &Networks, scaled: &Photo, scale: f32) -> Vec<Candidate> {
    let cells = |side: usize| (side + STRIDE - SQUARE as usize) / STRIDE;
    let (rows, columns) = (cells(scaled.height), cells(scaled.width));
    let tiles: Vec<[usize; 2]> = (0..rows.div_ceil(CELLS))
        .flat_map(|row| (0..columns.div_ceil(CELLS)).map(move |column| [row, column]))
        .collect();

    let mut found = Vec::new();
    let mut x = vec![Tensor3::zeros(); BATCH.min(tiles.len())];
    let mut y = vec![Tensor::zeros(); x.len()];
    for tiles in tiles.chunks(BATCH) {
        for (tile, x) in tiles.iter().zip(&mut x) {
            scaled.copy_square(tile.map(|i| i * TILE_STRIDE), x);
        }

        let y = &mut y[..tiles.len()];
        networks.proposals.forward_batch(&x[..tiles.len()], y);
        for (&[tile_row, tile_column], output) in tiles.iter().zip(y.iter()) {
            let (faces, offsets) = output.parts();
            for at in 0..CELLS * CELLS {
                let (y, x) = (at / CELLS, at % CELLS);
                let (row, column) = (tile_row * CELLS + y, tile_column * CELLS + x);
                let score = faces[[y, x, 1]];
                if row >= rows || column >= columns || score < MIN_SCORES[0] {
                    continue;
                }

                let start = [column, row].map(|cell| (STRIDE * cell) as f32);
                let corner = |add: f32| start.map(|start| ((start + add) / scale).floor());
                let ([x1, y1], [x2, y2]) = (corner(1.0), corner(SQUARE));
                found.push(Candidate {
                    bbox: [x1, y1, x2, y2].into(),
                    score,
                    offsets: core::array::from_fn(|i| offsets[[y, x, i]]),
                    landmarks: [0.0; 10],
                });
            }
        }
    }
    found
}

/// Lets pass what the second network takes for a face.
fn refine(
    networks: &Networks,
    photo: &Photo,
    boxes: Vec<Candidate>,
) -> Result<Vec<Candidate>, DetectionError> {
    let mut passed = Vec::new();
    look(&*networks.refinement, photo, &boxes, |candidate, output| {
        let (face, offsets) = output.parts();
        if face[1] > MIN_SCORES[1] {
            passed.push(Candidate {
                score: face[1],
                offsets: *offsets.as_array(),
                ..*candidate
            });
        }
    });

    let mut kept = keep(&passed, 0.7)?;
    for candidate in &mut kept {
        candidate.bbox = square(moved(candidate, 1.0));
    }
    Ok(kept)
}

/// Returns what the third network takes for a face.
fn decide(networks: &Networks, photo: &Photo, boxes: Vec<Candidate>) -> Vec<Face> {
    let mut passed = Vec::new();
    look(&*networks.decision, photo, &boxes, |candidate, output| {
        let (face, offsets, landmarks) = output.parts();
        if face[1] > MIN_SCORES[2] {
            passed.push(Candidate {
                score: face[1],
                offsets: *offsets.as_array(),
                landmarks: *landmarks.as_array(),
                ..*candidate
            });
        }
    });

    let mut faces: Vec<Face> = passed.iter().map(face).collect();
    faces.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Face> = Vec::new();
    for face in faces {
        if kept
            .iter()
            .all(|other| covered(&face.bbox, &other.bbox) <= 0.7)
        {
            kept.push(face);
        }
    }
    kept
}

/// Calls `f` with each box and what a network gives for the photo in it.
fn look<N, const SIDE: usize>(
    net: &N,
    photo: &Photo,
    boxes: &[Candidate],
    mut f: impl FnMut(&Candidate, &Tensor<N::Output>),
) where
    N: Network<Input = Rank3<SIDE, SIDE, 3>, Element = f32>,
{
    // A box that has been moved may lie outside.
    let inside: Vec<(&Candidate, Region)> = boxes
        .iter()
        .filter_map(|candidate| Some((candidate, region(photo, &candidate.bbox)?)))
        .collect();

    let mut x = vec![Tensor::zeros(); BATCH.min(inside.len())];
    let mut y = vec![Tensor::zeros(); x.len()];
    for inside in inside.chunks(BATCH) {
        for ((_, region), x) in inside.iter().zip(&mut x) {
            photo.resized(*region, SIDE, SIDE).copy_square([0, 0], x);
        }

        let y = &mut y[..inside.len()];
        net.forward_batch(&x[..inside.len()], y);
        for ((candidate, _), y) in inside.iter().zip(y.iter()) {
            f(candidate, y);
        }
    }
}

/// Returns the pixels of a photo in a box, whose first pixel has the number 1.
fn region(photo: &Photo, bbox: &BoundingBox) -> Option<Region> {
    let axis = |start: f32, end: f32, len: usize| {
        // `as` rounds toward 0, and what is too small becomes 0.
        let (start, end) = ((start as usize).max(1) - 1, (end as usize).min(len));
        (start < end).then_some([start, end])
    };
    Some(Region {
        columns: axis(bbox.x1, bbox.x2, photo.width)?,
        rows: axis(bbox.y1, bbox.y2, photo.height)?,
    })
}

/// Removes those that overlap a surer one by more than `threshold`.
fn keep(candidates: &[Candidate], threshold: f64) -> Result<Vec<Candidate>, DetectionError> {
    let detections: Vec<Detection<1>> = candidates
        .iter()
        .map(|candidate| Detection {
            bbox: candidate.bbox,
            label: Label::default(),
            score: candidate.score,
        })
        .collect();
    let kept = nms(&detections, threshold)?;
    Ok(kept.into_iter().map(|i| candidates[i]).collect())
}

/// Returns the box, moved by its offsets. `last` is 1 where the last pixel counts as part of the box.
fn moved(candidate: &Candidate, last: f32) -> BoundingBox {
    let bbox = candidate.bbox;
    let (width, height) = (bbox.width() + last, bbox.height() + last);
    let [x1, y1, x2, y2] = candidate.offsets;
    BoundingBox {
        x1: bbox.x1 + x1 * width,
        y1: bbox.y1 + y1 * height,
        x2: bbox.x2 + x2 * width,
        y2: bbox.y2 + y2 * height,
    }
}

/// Returns the square with the centre of a box and its longer side.
fn square(bbox: BoundingBox) -> BoundingBox {
    let side = bbox.width().max(bbox.height());
    let x1 = bbox.x1 + 0.5 * (bbox.width() - side);
    let y1 = bbox.y1 + 0.5 * (bbox.height() - side);
    [x1, y1, x1 + side, y1 + side].into()
}

/// Returns the face of a candidate, whose box is the one that the third network looked at.
fn face(candidate: &Candidate) -> Face {
    let bbox = candidate.bbox;
    let (width, height) = (bbox.width() + 1.0, bbox.height() + 1.0);
    Face {
        bbox: moved(candidate, 1.0),
        score: candidate.score,
        landmarks: core::array::from_fn(|i| {
            let [x, y] = [candidate.landmarks[i], candidate.landmarks[5 + i]];
            [bbox.x1 + width * x - 1.0, bbox.y1 + height * y - 1.0]
        }),
    }
}

/// Returns the part of the smaller of two boxes that the other one covers. The last pixels count as
/// parts of the boxes.
fn covered(a: &BoundingBox, b: &BoundingBox) -> f32 {
    let area = |bbox: &BoundingBox| (bbox.width() + 1.0) * (bbox.height() + 1.0);
    let width = (a.x2.min(b.x2) - a.x1.max(b.x1) + 1.0).max(0.0);
    let height = (a.y2.min(b.y2) - a.y1.max(b.y1) + 1.0).max(0.0);
    width * height / area(a).min(area(b))
}
