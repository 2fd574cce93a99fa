//! Attention as an operator, of opset 23 on: it is made of products and a softmax.

use super::{Inputs, Meaning, Outputs, Translator};
use crate::error::{Result, fail};
use crate::layout::Value;
use crate::list::Layer;
use crate::read::Node;
use crate::shape::Range;
use crate::tensor::{Kind, Sizes, Tensor};

impl Translator<'_> {
    pub(super) fn attention(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        match node.operator.as_str() {
            "Attention" if node.domain.is_empty() => {
                self.scaled_dot_product(node, inputs).map(Some)
            }
            "RotaryEmbedding" if node.domain.is_empty() => {
                self.rotary(node, inputs).map(|value| Some(vec![value]))
            }
            _ => Ok(None),
        }
    }

    /// Gives `[batch, length, heads * size]` an axis of heads: `[batch, heads, length, size]`.
    fn with_heads(&mut self, x: &Value, heads: i64) -> Result<Value> {
        let shape = x.shape();
        match (shape.len(), usize::try_from(heads)) {
            (4, _) => Ok(x.clone()),
            (3, Ok(heads)) if heads > 0 && shape[2].is_multiple_of(heads) => {
                let split = self.reshape(x, &[shape[0], shape[1], heads, shape[2] / heads])?;
                Ok(swapped(split, 1, 2))
            }
            _ => fail!("it divides {} into {heads} heads", Sizes(&shape)),
        }
    }

    fn scaled_dot_product(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Vec<Value>> {
        let (q_heads, kv_heads) = (node.int("q_num_heads", 0)?, node.int("kv_num_heads", 0)?);
        let is_flat = inputs.shape(0)?.len() == 3;
        if node.int("left_window_size", -1)? >= 0 || node.int("right_window_size", -1)? >= 0 {
            fail!("its queries see a window of the keys");
        }
        let read = |index: usize| inputs.computed(index).cloned();
        let q = read(0)?;
        let q = self.with_heads(&q, q_heads)?;
        let (k, v) = (read(1)?, read(2)?);
        let mut k = self.with_heads(&k, kv_heads)?;
        let mut v = self.with_heads(&v, kv_heads)?;
        if inputs
            .0
            .get(6)
            .is_some_and(|input| !matches!(input, Meaning::Absent))
        {
            fail!("it reads the number of keys that are not padding");
        }
        if self.is_read(node, 3) {
            fail!("it gives the products of queries and keys");
        }

        // Keys and values of the past come first.
        let mut past_length = 0;
        if let (Some(Meaning::Computed(past_k)), Some(Meaning::Computed(past_v))) =
            (inputs.0.get(4), inputs.0.get(5))
        {
            past_length = past_k.shape().get(2).copied().unwrap_or(0);
            k = self.concatenated(&[past_k.clone(), k], 2)?;
            v = self.concatenated(&[past_v.clone(), v], 2)?;
        }
        let present = [k.clone(), v.clone()];

        let [batch, heads, length, width] = q.shape()[..] else {
            fail!("its queries are {}", Sizes(&q.shape()));
        };
        let [_, own_heads, keys, _] = k.shape()[..] else {
            fail!("its keys are {}", Sizes(&k.shape()));
        };
        if own_heads == 0 || !heads.is_multiple_of(own_heads) {
            fail!("{own_heads} heads of keys do not serve {heads} heads of queries");
        }
        if own_heads != heads {
            // Each head of keys and values serves several heads of queries.
            for value in [&mut k, &mut v] {
                let sizes = value.shape();
                let [b, h, l, d] = sizes[..] else {
                    fail!("its keys have four axes")
                };
                let split = self.reshape(value, &[b, h, 1, l, d])?;
                let wide = self.expand(&split, &[b, h, heads / h, l, d])?;
                *value = self.reshape(&wide, &[b, heads, l, d])?;
            }
        }

        let scale = match node.attributes.contains_key("scale") {
            true => node.float("scale", 1.0)?,
            false => 1.0 / (width as f32).sqrt(),
        };
        let q = self.scaled(&q, scale)?;
        let mut scores = self.product(&q, &swapped(k, 2, 3))?;
        let cap = node.float("softcap", 0.0)?;
        let mask = match inputs.0.get(3) {
            None | Some(Meaning::Absent) => None,
            Some(mask) => Some(mask.clone()),
        };
        if cap != 0.0 {
            let scaled = self.scaled(&scores, 1.0 / cap)?;
            let soft = self.apply(&scaled, Layer::new("Tanh", &[], &[]));
            scores = self.scaled(&soft, cap)?;
        }
        let seen = match &mask {
            Some(Meaning::Computed(mask)) if mask.kind == Kind::Bool => Some(mask.clone()),
            _ => None,
        };
        scores = self.masked(scores, mask, [batch, heads, length, keys])?;
        if node.flag("is_causal", false)? {
            let mut bias = vec![0.0; length * keys];
            for (i, bias) in bias.iter_mut().enumerate() {
                if i % keys > i / keys + past_length {
                    *bias = HIDDEN;
                }
            }
            scores = self.affine(&scores, None, Some(&Tensor::floats(&[length, keys], bias)))?;
        }
        let mut weights = self.softmax_over(&scores, "Softmax", &[3])?;
        if let Some(seen) = seen {
            // A query that sees nothing has no weights.
            weights = self.joined("Mul", &[weights, seen])?;
        }
        let y = self.product(&weights, &v)?;
        let y = match is_flat {
            true => {
                let sizes = y.shape();
                let turned = swapped(y, 1, 2);
                self.reshape(&turned, &[sizes[0], sizes[2], sizes[1] * sizes[3]])?
            }
            false => y,
        };
        let [k, v] = present;
        Ok(vec![y, k, v])
    }

    /// Adds a mask to scores: a bias, or a truth value for what is seen.
    fn masked(&mut self, scores: Value, mask: Option<Meaning>, shape: [usize; 4]) -> Result<Value> {
        match mask {
            None | Some(Meaning::Absent) => Ok(scores),
            Some(Meaning::Constant(mask)) => {
                let is_bool = mask.kind == Kind::Bool;
                let numbers = mask.as_floats();
                let bias = numbers.iter().map(|&n| match (is_bool, n == 0.0) {
                    (true, true) => HIDDEN,
                    (true, false) => 0.0,
                    (false, _) => n.clamp(HIDDEN, -HIDDEN),
                });
                let bias = Tensor::floats(&mask.shape, bias.collect());
                self.affine(&scores, None, Some(&bias))
            }
            Some(Meaning::Computed(mask)) => {
                if mask.shape().last() != Some(&shape[3]) {
                    fail!("its mask {} is shorter than its keys", Sizes(&mask.shape()));
                }
                if mask.kind != Kind::Bool {
                    return self.joined("Add", &[scores, mask]);
                }
                // (mask - 1) * a large number
                let factor = Tensor::floats(&[], vec![-HIDDEN]);
                let bias = self.affine(
                    &mask,
                    Some(&factor),
                    Some(&Tensor::floats(&[], vec![HIDDEN])),
                )?;
                self.joined("Add", &[scores, bias])
            }
        }
    }

    fn rotary(&mut self, node: &Node, inputs: &Inputs<'_>) -> Result<Value> {
        let x = inputs.computed(0)?.clone();
        let is_flat = x.axes.len() == 3;
        let x = self.with_heads(&x, node.int("num_heads", 0)?)?;
        let [batch, heads, length, width] = x.shape()[..] else {
            fail!("it takes `[batch, heads, length, size]`");
        };
        let turned = match usize::try_from(node.int("rotary_embedding_dim", 0)?) {
            Ok(0) | Err(_) => width,
            Ok(turned) => turned,
        };
        if turned > width || !turned.is_multiple_of(2) {
            fail!("it turns {turned} of {width} numbers");
        }
        if inputs
            .0
            .get(3)
            .is_some_and(|input| matches!(input, Meaning::Computed(_)))
        {
            fail!("its positions are computed by the network");
        }
        let half = turned / 2;
        let interleaved = node.flag("interleaved", false)?;

        let range = |first, count| Range {
            first,
            step: 1,
            count,
        };
        let active = self.slice(&x, 3, range(0, turned))?;
        let pairs = match interleaved {
            true => [half, 2],
            false => [2, half],
        };
        let split = self.reshape(&active, &[batch, heads, length, pairs[0], pairs[1]])?;
        let axis = if interleaved { 4 } else { 3 };
        let mut parts = Vec::new();
        for index in 0..2 {
            let part = self.slice(&split, axis, range(index, 1))?;
            parts.push(self.reshape(&part, &[batch, heads, length, half])?);
        }

        // The cosines and sines of each position: [batch, 1, length, half].
        let mut angles = Vec::new();
        for index in [1, 2] {
            let meaning = match (inputs.at(index), inputs.0.get(3)) {
                (Meaning::Constant(cache), Some(Meaning::Constant(positions))) => {
                    let mut sizes = positions.shape.clone();
                    let width = cache.shape.last().copied().unwrap_or(1);
                    sizes.push(width);
                    let rows = cache.shape.first().copied().unwrap_or(0);
                    let mut at = Vec::new();
                    for &position in positions.as_ints().iter() {
                        let Some(row) = usize::try_from(position).ok().filter(|&p| p < rows) else {
                            fail!("it has no angle for the position {position}");
                        };
                        at.extend(row * width..(row + 1) * width);
                    }
                    Meaning::Constant(cache.gathered(&sizes, &at))
                }
                (meaning, None | Some(Meaning::Absent)) => meaning.clone(),
                _ => fail!("its angles are computed by the network"),
            };
            angles.push(match meaning {
                Meaning::Constant(cache) if cache.shape.len() == 3 => {
                    let mut sizes = cache.shape.clone();
                    sizes.insert(1, 1);
                    Meaning::Constant(cache.reshaped(&sizes))
                }
                Meaning::Computed(mut cache) if cache.axes.len() == 3 => {
                    cache.axes.insert(1, Vec::new());
                    Meaning::Computed(cache)
                }
                other => other,
            });
        }
        let turn = |translator: &mut Self, part: usize, angle: usize| match &angles[angle] {
            Meaning::Constant(angle) => translator.affine(&parts[part], Some(angle), None),
            Meaning::Computed(angle) => {
                translator.joined("Mul", &[parts[part].clone(), angle.clone()])
            }
            Meaning::Absent => fail!("its angles are missing"),
        };
        let [a_cos, a_sin] = [turn(self, 0, 0)?, turn(self, 0, 1)?];
        let [b_cos, b_sin] = [turn(self, 1, 0)?, turn(self, 1, 1)?];
        let real = self.joined("Sub", &[a_cos, b_sin])?;
        let imaginary = self.joined("Add", &[a_sin, b_cos])?;

        let mut halves = Vec::new();
        for value in [real, imaginary] {
            let sizes = match interleaved {
                true => [batch, heads, length, half, 1],
                false => [batch, heads, length, 1, half],
            };
            halves.push(self.reshape(&value, &sizes)?);
        }
        let joined = self.concatenated(&halves, axis)?;
        let mut value = self.reshape(&joined, &[batch, heads, length, turned])?;
        if turned < width {
            let rest = self.slice(&x, 3, range(turned, width - turned))?;
            value = self.concatenated(&[value, rest], 3)?;
        }
        if is_flat {
            let swapped = swapped(value, 1, 2);
            return self.reshape(&swapped, &[batch, length, heads * width]);
        }
        Ok(value)
    }
}

/// The bias of what is not seen: below every score, and finite after a sum of two.
const HIDDEN: f32 = -1e30;

/// Returns a value with two axes swapped.
fn swapped(mut value: Value, a: usize, b: usize) -> Value {
    value.axes.swap(a, b);
    value
}
