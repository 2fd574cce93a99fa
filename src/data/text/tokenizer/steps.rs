//! The steps of a `tokenizer.json` that change texts.

use serde_json::Value;

/// A text may become so many times as long.
const MOST_GROWTH: f64 = 64.0;
/// The number of bytes that may be put before or behind a text.
const MOST_ADDED: usize = 1024;

/// Checks that the steps do not make texts so long that there is no memory for them. The error says
/// what was found.
pub(super) fn check(file: &Value) -> Result<(), String> {
    for name in ["normalizer", "pre_tokenizer", "decoder"] {
        let mut growth = Growth::default();
        growth.count(file.get(name).unwrap_or(&Value::Null));
        if growth.factor > MOST_GROWTH || growth.added > MOST_ADDED {
            return Err(format!(
                "a `{name}` that makes texts more than {MOST_GROWTH} times or {MOST_ADDED} bytes \
                 longer"
            ));
        }
    }
    Ok(())
}

/// The most that steps can do to the length of a text.
struct Growth {
    factor: f64,
    added: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Growth {
            factor: 1.0,
            added: 0,
        }
    }
}

impl Growth {
    /// Counts a step, and those within it.
    fn count(&mut self, step: &Value) {
        let len = |value: Option<&Value>| value.and_then(Value::as_str).map_or(0, str::len);
        match step.get("type").and_then(Value::as_str) {
            Some("Replace") => {
                // A regular expression may match a single byte, or nothing between two bytes.
                let pattern = step
                    .get("pattern")
                    .and_then(|pattern| pattern.get("String"));
                let (from, to) = (len(pattern), len(step.get("content")));
                let factor = match from {
                    0 => 1.0 + to as f64,
                    _ => (to as f64 / from as f64).max(1.0),
                };
                self.factor *= factor;
            }
            Some("Prepend") => self.added = self.added.saturating_add(len(step.get("prepend"))),
            _ => {}
        }
        for list in ["normalizers", "pretokenizers", "decoders"] {
            let steps = step.get(list).and_then(Value::as_array);
            steps
                .into_iter()
                .flatten()
                .for_each(|step| self.count(step));
        }
    }
}
