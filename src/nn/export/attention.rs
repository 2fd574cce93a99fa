//! Attention, with the scores of all queries at once.

use super::sequence::nonzero;
use super::simple::dense;
use super::{Attribute, Export, ExportError, Exported, Graph};
use crate::params::Parameters;
use crate::tensor::Element;

/// An attention with its options.
pub(in crate::nn) struct AttentionExport {
    pub queries: usize,
    pub keys: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub window: usize,
    pub causal: bool,
    /// The indices of the sources of keys, of the mask and of the bias.
    pub memory: usize,
    pub mask: Option<usize>,
    pub bias: Option<usize>,
    /// The base of rotary positions, or 0.
    pub rotary: usize,
    pub interleaved: bool,
}

/// A weight `[out, in]` and a bias.
type Dense = (String, Option<String>);

impl AttentionExport {
    /// Returns the projections of queries, keys and values.
    fn projections<T: Element, P: Parameters<T>>(
        &self,
        call: &mut Export<'_>,
        params: &P,
    ) -> Result<[Dense; 3], ExportError> {
        let width = self.heads * self.head_dim;
        let kv_width = self.kv_heads * self.head_dim;
        let starts = [0, width, width + kv_width, width + 2 * kv_width];

        let all = call.optional_param(params, "in_proj_weight");
        let bias = call.optional_param(params, "in_proj_bias");
        let mut projections = [const { (String::new(), None) }; 3];
        for (index, projection) in projections.iter_mut().enumerate() {
            let (start, end) = (starts[index], starts[index + 1]);
            let weight = match &all {
                Some(all) => call.graph.slice(all, 0, start, end),
                None => {
                    let names = ["q_proj_weight", "k_proj_weight", "v_proj_weight"];
                    call.param(params, names[index])?
                }
            };
            let bias = bias
                .as_ref()
                .map(|bias| call.graph.slice(bias, 0, start, end));
            *projection = (weight, bias);
        }
        Ok(projections)
    }

    /// Computes the heads of a projection, `[batch, heads, length, head_dim]`.
    fn heads(
        &self,
        graph: &mut Graph,
        x: &str,
        (weight, bias): &Dense,
        [length, heads]: [usize; 2],
    ) -> String {
        let rows = dense(graph, x, weight, bias.as_deref());
        let split = graph.reshape(&rows, &[length, heads, self.head_dim]);
        graph.transpose(&split, &[0, 2, 1, 3])
    }

    /// Rotates the heads by their positions.
    fn rotate(&self, graph: &mut Graph, x: String, [length, heads]: [usize; 2]) -> String {
        if self.rotary == 0 {
            return x;
        }
        let pairs = self.head_dim / 2;
        let angle = |index: usize| {
            let (row, pair) = (index / pairs, index % pairs);
            let exponent = -2.0 * pair as f64 / self.head_dim as f64;
            row as f64 * (self.rotary as f64).powf(exponent)
        };
        let angles: Vec<f64> = (0..length * pairs).map(angle).collect();
        let cosines: Vec<f64> = angles.iter().map(|angle| angle.cos()).collect();
        let sines: Vec<f64> = angles.iter().map(|angle| angle.sin()).collect();

        // The pairs are the last axis, or the one before it.
        let (sizes, table, axis) = if self.interleaved {
            (vec![heads, length, pairs, 2], vec![length, pairs, 1], 4)
        } else {
            (vec![heads, length, self.head_dim], vec![length, pairs], 3)
        };
        let step = if self.interleaved { 1 } else { pairs };
        let x = graph.reshape(&x, &sizes);
        let a = graph.slice(&x, axis, 0, step);
        let b = graph.slice(&x, axis, step, 2 * step);
        let cos = graph.constant(&table, &cosines);
        let sin = graph.constant(&table, &sines);
        let mut product = |x: &str, y: &str| graph.node("Mul", &[x, y], &[]);
        let [a_cos, b_sin] = [product(&a, &cos), product(&b, &sin)];
        let [b_cos, a_sin] = [product(&b, &cos), product(&a, &sin)];
        let a = graph.node("Sub", &[&a_cos, &b_sin], &[]);
        let b = graph.node("Add", &[&b_cos, &a_sin], &[]);
        let both = graph.concat(&[&a, &b], axis);
        graph.reshape(&both, &[heads, length, self.head_dim])
    }

    /// Repeats the heads of keys or values for all heads of queries.
    fn repeat(&self, graph: &mut Graph, x: String) -> String {
        let shared = self.heads / self.kv_heads;
        if shared == 1 {
            return x;
        }
        let of_heads: Vec<i64> = (0..self.heads).map(|head| (head / shared) as i64).collect();
        let of_heads = graph.ints(&of_heads);
        graph.node("Gather", &[&x, &of_heads], &[Attribute::Int("axis", 1)])
    }

    /// Hides the scores of keys that a query does not see.
    fn hide(&self, graph: &mut Graph, scores: String, mask: Option<&str>) -> String {
        let least = graph.scalar(f64::NEG_INFINITY);
        let mut scores = scores;
        if self.causal {
            let sees = |query: usize, key: usize| key <= query && query - key < self.window;
            let sees: Vec<f64> = (0..self.queries * self.keys)
                .map(|i| f64::from(u8::from(sees(i / self.keys, i % self.keys))))
                .collect();
            let sees = graph.constant(&[self.queries, self.keys], &sees);
            let sees = nonzero(graph, &sees);
            scores = graph.node("Where", &[&sees, &scores, &least], &[]);
        }
        if let Some(mask) = mask {
            let is_real = nonzero(graph, mask);
            let axes = graph.ints(&[1, 2]);
            let is_real = graph.node("Unsqueeze", &[&is_real, &axes], &[]);
            scores = graph.node("Where", &[&is_real, &scores, &least], &[]);
        }
        scores
    }

    pub fn export<T: Element, P: Parameters<T>>(
        &self,
        params: &P,
        mut call: Export<'_>,
    ) -> Exported {
        let sources = call.each()?;
        let [of_query, of_key, of_value] = self.projections(&mut call, params)?;
        let out = (
            call.param(params, "out_proj.weight")?,
            call.optional_param(params, "out_proj.bias"),
        );
        let bias_rank = self.bias.map(|bias| call.inputs[bias].sizes().len());

        let graph = call.graph;
        let own = [self.queries, self.heads];
        let others = [self.keys, self.kv_heads];
        let query = self.heads(graph, &sources[0], &of_query, own);
        let query = self.rotate(graph, query, own);
        let memory = &sources[self.memory];
        let key = self.heads(graph, memory, &of_key, others);
        let key = self.rotate(graph, key, others);
        let key = self.repeat(graph, key);
        let value = self.heads(graph, memory, &of_value, others);
        let value = self.repeat(graph, value);

        let columns = graph.transpose(&key, &[0, 1, 3, 2]);
        let scores = graph.node("MatMul", &[&query, &columns], &[]);
        let scale = graph.scalar(1.0 / (self.head_dim as f64).sqrt());
        let mut scores = graph.node("Mul", &[&scores, &scale], &[]);
        if let Some(bias) = self.bias {
            let mut bias = sources[bias].clone();
            if bias_rank == Some(2) {
                let axis = graph.ints(&[1]);
                bias = graph.node("Unsqueeze", &[&bias, &axis], &[]);
            }
            scores = graph.node("Add", &[&scores, &bias], &[]);
        }

        let mask = self.mask.map(|mask| &sources[mask][..]);
        let hidden = self.hide(graph, scores, mask);
        let mut weights = graph.node("Softmax", &[&hidden], &[Attribute::Int("axis", -1)]);
        if mask.is_some() {
            // A query that sees no key gets zeros.
            let zero = graph.scalar(0.0);
            let sees_none = graph.node("IsNaN", &[&weights], &[]);
            weights = graph.node("Where", &[&sees_none, &zero, &weights], &[]);
        }
        let attended = graph.node("MatMul", &[&weights, &value], &[]);
        let rows = graph.transpose(&attended, &[0, 2, 1, 3]);
        let rows = graph.reshape(&rows, &[self.queries, self.heads * self.head_dim]);
        Ok(dense(graph, &rows, &out.0, out.1.as_deref()).into())
    }
}
