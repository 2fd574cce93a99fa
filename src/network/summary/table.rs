//! A summary as the table of a network's layers.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};
use core::fmt;

use super::{LayerSummary, Summary};

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

        if self.trainable_params < self.params {
            rows.push([
                "trainable".to_owned(),
                String::new(),
                grouped(self.trainable_params),
                String::new(),
            ]);
        }

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
            grouped(self.param_bytes),
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
