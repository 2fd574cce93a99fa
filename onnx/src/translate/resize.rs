//! Images of another size.

use super::{Inputs, Meaning, Outputs, Translator};
use crate::attributes::axis_of;
use crate::error::{Result, fail};
use crate::layout::Value;
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Kind, Tensor, checked_len};

/// The change of an axis's size.
struct Change {
    axis: usize,
    from: usize,
    to: usize,
    scale: f64,
}

impl Translator<'_> {
    pub(super) fn resize(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        if !matches!(node.operator.as_str(), "Resize" | "Upsample") {
            return Ok(None);
        }
        let x = inputs.computed(0)?.clone();
        let changes = changes(node, inputs, &x.shape())?;
        let sizes: Vec<usize> = changes.iter().map(|change| change.to).collect();
        checked_len(&sizes, self.options.max_numbers)?;
        if node.flag("antialias", false)? {
            fail!("it smooths while it makes images smaller, which is not supported");
        }
        let is_old = node.operator == "Upsample" || self.opset < 11;
        let default = if is_old { "asymmetric" } else { "half_pixel" };
        let coordinates = node.text("coordinate_transformation_mode", default)?;

        let value = match node.text("mode", "nearest")? {
            "nearest" => {
                let default = if is_old {
                    "floor"
                } else {
                    "round_prefer_floor"
                };
                let rounding = node.text("nearest_mode", default)?;
                self.nearest(x, &changes, coordinates, rounding)?
            }
            mode @ ("linear" | "cubic") => {
                let is_double = coordinates == "half_pixel" && mode == "linear";
                match doubled(&changes, &x).filter(|_| is_double) {
                    Some(factors) => self.upsampled(&x, "UpsampleBilinear", factors)?,
                    None => self.interpolated(node, x, &changes, coordinates, mode)?,
                }
            }
            mode => fail!("its mode is `{mode}`"),
        };
        Ok(Some(vec![value]))
    }

    fn upsampled(&mut self, x: &Value, kind: &'static str, [h, w]: [usize; 2]) -> Result<Value> {
        let image = self.image(x)?;
        let [height, width, channels] = image.dims;
        let layer = Layer::new(kind, &[image.source], &[height * h, width * w, channels])
            .argument(super::conv::pair(&[h, w]));
        let source = self.add(layer);
        Ok(self.of_image(x, &image, source))
    }

    fn nearest(
        &mut self,
        x: Value,
        changes: &[Change],
        coordinates: &str,
        rounding: &str,
    ) -> Result<Value> {
        let mut lists = Vec::new();
        for change in changes {
            let mut indices = Vec::new();
            for i in 0..change.to {
                let at = place(change, i, coordinates)?;
                let rounded = match rounding {
                    "floor" => at.floor(),
                    "ceil" => at.ceil(),
                    "round_prefer_floor" => (at - 0.5).ceil(),
                    "round_prefer_ceil" => (at + 0.5).floor(),
                    mode => fail!("its `nearest_mode` is `{mode}`"),
                };
                indices.push(rounded.clamp(0.0, (change.from - 1) as f64) as usize);
            }
            lists.push(indices);
        }
        let repeats = |factor: usize, list: &[usize]| {
            list.iter()
                .enumerate()
                .all(|(i, &index)| index == i / factor)
        };
        if let Some([h, w]) = doubled(changes, &x)
            && changes.iter().zip(&lists).all(|(change, list)| {
                repeats(
                    if change.axis == 2 && x.axes.len() == 4 {
                        h
                    } else {
                        w
                    },
                    list,
                )
            })
        {
            return self.upsampled(&x, "Upsample", [h, w]);
        }
        let mut value = x;
        for (change, list) in changes.iter().zip(lists) {
            let mut matrix = vec![0.0; change.to * change.from];
            for (row, index) in list.into_iter().enumerate() {
                matrix[row * change.from + index] = 1.0;
            }
            let matrix = Tensor::floats(&[change.to, change.from], matrix);
            value = self.linear(&value, change.axis, &matrix, None)?;
        }
        Ok(value)
    }

    /// Along each axis, a product with a matrix of weights.
    fn interpolated(
        &mut self,
        node: &Node,
        x: Value,
        changes: &[Change],
        coordinates: &str,
        mode: &str,
    ) -> Result<Value> {
        let a = f64::from(node.float("cubic_coeff_a", -0.75)?);
        let excludes = node.flag("exclude_outside", false)?;
        let mut value = x;
        for change in changes {
            let mut matrix = vec![0.0; change.to * change.from];
            for (i, row) in matrix.chunks_exact_mut(change.from).enumerate() {
                let at = place(change, i, coordinates)?;
                let first = at.floor();
                let off = at - first;
                let weights: Vec<(f64, f64)> = match mode {
                    "linear" => vec![(first, 1.0 - off), (first + 1.0, off)],
                    _ => (-1..=2)
                        .map(|tap| {
                            (
                                first + f64::from(tap),
                                cubic((off - f64::from(tap)).abs(), a),
                            )
                        })
                        .collect(),
                };
                let last = (change.from - 1) as f64;
                let mut sum = 0.0;
                for (place, weight) in weights {
                    let is_outside = place < 0.0 || place > last;
                    if !(excludes && is_outside) {
                        row[place.clamp(0.0, last) as usize] += weight as f32;
                        sum += weight;
                    }
                }
                if excludes {
                    row.iter_mut().for_each(|weight| *weight /= sum as f32);
                }
            }
            let matrix = Tensor::floats(&[change.to, change.from], matrix);
            value = self.linear(&value, change.axis, &matrix, None)?;
        }
        Ok(Value {
            kind: Kind::Float,
            ..value
        })
    }
}

/// The weight of a pixel at this distance (Keys, 1981).
fn cubic(d: f64, a: f64) -> f64 {
    if d <= 1.0 {
        ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a
    } else {
        0.0
    }
}

/// Returns the factors of height and width, if an image grows by whole numbers.
fn doubled(changes: &[Change], x: &Value) -> Option<[usize; 2]> {
    let rank = x.axes.len();
    let mut factors = [1; 2];
    for change in changes {
        let place = (change.axis + 4).checked_sub(rank + 2)?;
        if change.axis < 2 || !(3..=4).contains(&rank) || !change.to.is_multiple_of(change.from) {
            return None;
        }
        factors[place] = change.to / change.from;
        if change.scale != factors[place] as f64 {
            return None;
        }
    }
    (x.axes[0].is_empty() || rank == 3).then_some(factors)
}

/// Returns the place in the input of an index of the output.
fn place(change: &Change, i: usize, coordinates: &str) -> Result<f64> {
    let (i, from, to) = (i as f64, change.from as f64, change.to as f64);
    let scale = change.scale;
    Ok(match coordinates {
        "half_pixel" => (i + 0.5) / scale - 0.5,
        "pytorch_half_pixel" if change.to == 1 => 0.0,
        "pytorch_half_pixel" => (i + 0.5) / scale - 0.5,
        "half_pixel_symmetric" => {
            let adjusted = to / (scale * from);
            from / 2.0 * (1.0 - adjusted) + (i + 0.5) / scale - 0.5
        }
        "align_corners" if change.to == 1 => 0.0,
        "align_corners" => i * (from - 1.0) / (to - 1.0),
        "asymmetric" => i / scale,
        mode => fail!("its `coordinate_transformation_mode` is `{mode}`"),
    })
}

/// Reads the axes that change their size.
fn changes(node: &Node, inputs: &Inputs<'_>, shape: &[usize]) -> Result<Vec<Change>> {
    let constant = |index: usize| match inputs.0.get(index) {
        Some(Meaning::Constant(tensor)) if tensor.len() > 0 => Ok(Some(tensor.clone())),
        Some(Meaning::Computed(_)) => fail!("its sizes are computed by the network"),
        _ => Ok(None),
    };
    let (scales, sizes) = if node.operator == "Upsample" {
        let scales = match node.floats("scales")? {
            Some(scales) => Some(Tensor::floats(&[scales.len()], scales)),
            None => constant(1)?,
        };
        (scales, None)
    } else if inputs.0.len() == 2 {
        (constant(1)?, None)
    } else {
        (constant(2)?, constant(3)?)
    };
    let axes = match node.ints("axes")? {
        Some(axes) => axes
            .iter()
            .map(|&axis| axis_of(axis, shape.len()))
            .collect::<Result<Vec<_>>>()?,
        None => (0..shape.len()).collect(),
    };
    if node.text("keep_aspect_ratio_policy", "stretch")? != "stretch" {
        fail!("it keeps the ratio of height and width, which is not supported");
    }

    let mut changes = Vec::new();
    for (index, &axis) in axes.iter().enumerate() {
        let from = shape[axis];
        let (to, scale) = match (&sizes, &scales) {
            (Some(sizes), _) if sizes.len() == axes.len() => {
                let to = usize::try_from(sizes.as_ints()[index]).unwrap_or(0);
                (to, to as f64 / from as f64)
            }
            (None, Some(scales)) if scales.len() == axes.len() => {
                let scale = f64::from(scales.as_floats()[index]);
                ((from as f64 * scale).floor() as usize, scale)
            }
            _ => fail!("it has neither a scale nor a size for each axis"),
        };
        if to == 0 || to > 1 << 20 {
            fail!("it makes an axis of {from} one of {to}");
        }
        if to != from {
            changes.push(Change {
                axis,
                from,
                to,
                scale,
            });
        }
    }
    Ok(changes)
}
