//! The table of a network's layers.

use core::fmt;

use super::network::Network;
use crate::tensor::{Dims, Scalar, Shape};

/// One layer in a [`Summary`].
#[derive(Clone, Copy, Debug)]
pub struct LayerSummary {
    /// The layer as it is written in the definition: `fc: Linear<_, 128>`.
    pub layer: &'static str,
    /// True if its inputs are indices, as those of an [`Embedding`](crate::nn::Embedding) are.
    pub takes_indices: bool,
    /// The shape of its output.
    pub output: Dims,
    /// The number of its parameters.
    pub params: usize,
    /// The index of the first of them in [`Network::params`](super::Network::params).
    pub params_at: usize,
    /// The number of multiply-adds for one sample.
    pub macs: usize,
    /// The layers inside a block; repeated layers are listed once.
    pub inner: &'static [LayerSummary],
}

/// A description of a network, which prints as a table of its layers.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Small: [4] -> [2] { fc: Linear<_, 8>, Relu, head: Linear<_, 2> } }
/// let summary = Small::summary();
/// assert_eq!(summary.layers[0].params, 40);
/// println!("{summary}");
/// ```
#[derive(Clone, Debug)]
pub struct Summary {
    /// The network's name.
    pub name: &'static str,
    /// The shape of one input.
    pub input: Dims,
    /// The shape of one output.
    pub output: Dims,
    /// The number type, `f32` or `f64`.
    pub element: &'static str,
    /// The layers, in order.
    pub layers: &'static [LayerSummary],
    /// The number of parameters.
    pub params: usize,
    /// The number of multiply-adds of a forward pass of one sample.
    pub macs: usize,
    /// The number of bytes of one parameter.
    pub element_bytes: usize,
    /// The bytes per sample during inference: [`Network::WORKSPACE_BYTES`].
    pub workspace_bytes: usize,
    /// The bytes per sample during training: [`Network::TRAIN_WORKSPACE_BYTES`].
    pub train_workspace_bytes: usize,
}

impl Summary {
    pub(super) fn of<N: Network>() -> Self {
        Summary {
            name: N::NAME,
            input: N::Input::DIMS,
            output: N::Output::DIMS,
            element: <N::Element as Scalar>::NAME,
            layers: N::LAYERS,
            params: N::PARAMS,
            macs: N::MACS,
            element_bytes: size_of::<N::Element>(),
            workspace_bytes: N::WORKSPACE_BYTES,
            train_workspace_bytes: N::TRAIN_WORKSPACE_BYTES,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { input, output, .. } = self;
        writeln!(f, "{}: {input} -> {output}, {}", self.name, self.element)?;

        let head = ["layer", "output", "parameters", "multiply-adds"].map(str::to_owned);
        let mut rows = vec![head];
        add_rows(self.layers, "", &mut rows);
        rows.push([
            "total".to_owned(),
            String::new(),
            grouped(self.params),
            grouped(self.macs),
        ]);

        let width = |column: usize| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let [a, b, c, d] = [width(0), width(1), width(2), width(3)];
        for [layer, output, params, macs] in &rows {
            writeln!(f, "  {layer:<a$}  {output:<b$}  {params:>c$}  {macs:>d$}")?;
        }

        write!(
            f,
            "bytes: {} of parameters; per sample {} for inference, {} for training",
            grouped(self.params * self.element_bytes),
            grouped(self.workspace_bytes),
            grouped(self.train_workspace_bytes)
        )
    }
}

/// Adds a row for each layer, followed by indented rows for the layers inside it.
fn add_rows(layers: &[LayerSummary], indent: &str, rows: &mut Vec<[String; 4]>) {
    for layer in layers {
        rows.push([
            format!("{indent}{}", layer.layer),
            layer.output.to_string(),
            grouped(layer.params),
            grouped(layer.macs),
        ]);
        add_rows(layer.inner, &format!("{indent}  "), rows);
    }
}

/// Formats a number with thousands separators: 1234567 as "1,234,567".
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
