//! Recurrent layers: the gates of PyTorch in the place of those of ONNX.

use super::{Inputs, Meaning, Outputs, Translator};
use crate::error::{Result, fail};
use crate::layout::Value;
use crate::list::Layer;
use crate::read::Node;
use crate::tensor::{Kind, Sizes, Tensor};

impl Translator<'_> {
    pub(super) fn recurrent(&mut self, node: &Node, inputs: &Inputs<'_>) -> Outputs {
        // The gates of ONNX in PyTorch's order.
        let (kind, gates): (_, &[usize]) = match node.operator.as_str() {
            "LSTM" => ("Lstm", &[0, 2, 3, 1]),
            "GRU" => ("Gru", &[1, 0, 2]),
            "RNN" => ("Rnn", &[0]),
            _ => return Ok(None),
        };
        let mut x = inputs.computed(0)?.clone();
        if x.axes.len() != 3 {
            fail!("it takes `[length, batch, features]`");
        }
        let batch_first = node.flag("layout", false)?;
        if batch_first {
            x.axes.swap(0, 1);
        }
        let [length, batch, features] = x.shape()[..] else {
            fail!("it takes `[length, batch, features]`");
        };
        if batch != 1 {
            fail!(
                "it takes a batch of {batch} sequences; translate the file for a batch of 1, of which \
                 `forward_batch` takes any number"
            );
        }
        let direction = node.text("direction", "forward")?.to_owned();
        let directions = if direction == "bidirectional" { 2 } else { 1 };
        let w = inputs.needed(1)?;
        let [own, rows, columns] = w.shape[..] else {
            fail!("its weight {} has not three axes", Sizes(&w.shape));
        };
        let hidden = rows / gates.len();
        let fits = own == directions && rows == hidden * gates.len() && columns == features;
        if !fits || hidden == 0 {
            fail!(
                "its weight {} does not fit {features} features",
                Sizes(&w.shape)
            );
        }
        self.check_recurrent(node, inputs, length)?;

        let tensors = recurrent_tensors(inputs, gates, [directions, hidden, features])?;
        if direction == "reverse" {
            x = self.reversed(&x, length)?;
        }
        // Time in its order, and features as the weights have them.
        let source = self.present(&x, &[x.axes[0].clone(), x.axes[2].clone()])?;

        let mut sources = vec![source];
        let states = self.initial_states(node, inputs, [directions, hidden], batch_first)?;
        let has_states = !states.is_empty();
        sources.extend(states);
        let is_final = self.is_read(node, 1) || self.is_read(node, 2);

        let width = directions * hidden;
        let mut layer = Layer::new(kind, &sources, &[length, width])
            .argument("_")
            .argument(hidden);
        for (name, is_set) in [
            ("Bidirectional", directions == 2),
            ("InitialState", has_states),
            ("FinalState", is_final),
        ] {
            if is_set {
                layer = layer.argument(name);
            }
        }
        let activations = node.texts("activations")?.unwrap_or_default();
        let rectifies = activations.last().is_some_and(|name| name == "Relu");
        if kind == "Gru" && !node.flag("linear_before_reset", false)? {
            layer = layer.argument("ResetBefore");
        }
        if rectifies {
            layer = layer.argument("Relu");
        }
        for (name, tensor) in tensors {
            layer = layer.tensor(&name, tensor);
        }
        let source = self.add(layer);

        let part = |translator: &mut Self, index: usize, dims: &[usize]| {
            if !is_final {
                return source;
            }
            let layer = Layer::new("SelectPart", &[source], dims);
            translator.add(layer.argument(index))
        };
        let all = part(self, 0, &[length, width]);
        // [length, directions, batch, hidden]
        let shape = [length, directions, 1, hidden];
        let mut y = self.plain(all, &shape, Kind::Float);
        if direction == "reverse" {
            y = self.reversed(&y, length)?;
        }
        let mut outputs = vec![y];
        if is_final {
            let state_dims = match directions {
                1 => vec![hidden],
                _ => vec![directions, hidden],
            };
            let count = if kind == "Lstm" { 2 } else { 1 };
            for index in 1..=count {
                let state = part(self, index, &state_dims);
                outputs.push(self.plain(state, &[directions, 1, hidden], Kind::Float));
            }
        }
        if batch_first {
            // [batch, length, directions, hidden] and [batch, directions, hidden]
            outputs[0].axes = [2, 0, 1, 3]
                .map(|axis| outputs[0].axes[axis].clone())
                .to_vec();
            for state in &mut outputs[1..] {
                state.axes.swap(0, 1);
            }
        }
        Ok(Some(outputs))
    }

    /// Reports what no layer does.
    fn check_recurrent(&self, node: &Node, inputs: &Inputs<'_>, length: usize) -> Result<()> {
        match inputs.0.get(4) {
            Some(Meaning::Constant(lengths))
                if lengths.as_ints().iter().any(|&own| own != length as i64) =>
            {
                fail!("its sequences are shorter than {length}");
            }
            Some(Meaning::Computed(_)) => fail!(
                "its lengths are computed; leave them out, or write the layer with the option `Masked`"
            ),
            _ => {}
        }
        if matches!(
            inputs.0.get(7),
            Some(Meaning::Constant(_) | Meaning::Computed(_))
        ) {
            fail!(
                "it has peepholes, which no layer has; write its cell with `Scan`, as the page \
                 `sequences` of the guide does"
            );
        }
        if node.attributes.contains_key("clip") || node.flag("input_forget", false)? {
            fail!("it clips its gates or couples them, which no layer does");
        }
        let activations = node.texts("activations")?.unwrap_or_default();
        let allowed: &[&[&str]] = match node.operator.as_str() {
            "LSTM" => &[&["Sigmoid", "Tanh", "Tanh"]],
            "GRU" => &[&["Sigmoid", "Tanh"], &["Sigmoid", "Relu"]],
            _ => &[&["Tanh"], &["Relu"]],
        };
        let of_one = allowed[0].len();
        let names: Vec<&str> = activations.iter().map(String::as_str).collect();
        let fits = names.is_empty()
            || allowed
                .iter()
                .any(|own| names.chunks(of_one).all(|names| names == *own));
        if !fits {
            fail!("its activations are {names:?}, which no layer has");
        }
        Ok(())
    }

    /// Turns the first axis round.
    fn reversed(&mut self, x: &Value, length: usize) -> Result<Value> {
        let range = crate::shape::Range {
            first: length - 1,
            step: -1,
            count: length,
        };
        self.slice(x, 0, range)
    }

    /// Returns the first states, if there are any that are not zero.
    fn initial_states(
        &mut self,
        node: &Node,
        inputs: &Inputs<'_>,
        [directions, hidden]: [usize; 2],
        batch_first: bool,
    ) -> Result<Vec<usize>> {
        let count = if node.operator == "LSTM" { 2 } else { 1 };
        let given = |input: Option<&Meaning>| match input {
            Some(Meaning::Constant(tensor)) => tensor.as_floats().iter().any(|&n| n != 0.0),
            Some(Meaning::Computed(_)) => true,
            _ => false,
        };
        let inputs_of = (5..5 + count).map(|index| inputs.0.get(index));
        if !inputs_of.clone().any(given) {
            return Ok(Vec::new());
        }
        let like = inputs.computed(0)?.clone();
        let shape = [directions, 1, hidden];
        let mut sources = Vec::new();
        for input in inputs_of {
            let mut state = match input {
                Some(Meaning::Computed(value)) => value.clone(),
                Some(Meaning::Constant(tensor)) => self.constant_beside(&like, tensor)?,
                _ => {
                    let zeros = Tensor::floats(&shape, vec![0.0; directions * hidden]);
                    self.constant_beside(&like, &zeros)?
                }
            };
            if state.axes.len() == 3 && batch_first {
                state.axes.swap(0, 1);
            }
            if state.shape() != shape {
                fail!(
                    "its first state {} is not {}",
                    Sizes(&state.shape()),
                    Sizes(&shape)
                );
            }
            let groups = [state.axes[0].clone(), state.axes[2].clone()];
            let source = self.present(&state, &groups)?;
            sources.push(match directions {
                1 => self.reshape_to(source, &[hidden]),
                _ => source,
            });
        }
        Ok(sources)
    }
}

/// Returns the parameters of a layer with PyTorch's names and gates.
fn recurrent_tensors(
    inputs: &Inputs<'_>,
    gates: &[usize],
    [directions, hidden, features]: [usize; 3],
) -> Result<Vec<(String, Tensor)>> {
    let all = gates.len() * hidden;
    let w = inputs.needed(1)?;
    let r = inputs.needed(2)?;
    let b = inputs.constant(3)?;
    if r.shape != [directions, all, hidden] {
        fail!("its weight {} of the state does not fit", Sizes(&r.shape));
    }
    if let Some(b) = b
        && b.shape != [directions, 2 * all]
    {
        fail!("its bias {} does not fit", Sizes(&b.shape));
    }

    let mut tensors = Vec::new();
    for direction in 0..directions {
        let suffix = if direction == 1 { "_l0_reverse" } else { "_l0" };
        let rows = |numbers: &[f32], width: usize| {
            let mut turned = Vec::with_capacity(all * width);
            for &gate in gates {
                turned.extend_from_slice(&numbers[gate * hidden * width..][..hidden * width]);
            }
            turned
        };
        for (name, tensor, width) in [("weight_ih", w, features), ("weight_hh", r, hidden)] {
            let numbers = tensor.as_floats();
            let own = &numbers[direction * all * width..][..all * width];
            let tensor = Tensor::floats(&[all, width], rows(own, width));
            tensors.push((format!("{name}{suffix}"), tensor));
        }
        for (index, name) in ["bias_ih", "bias_hh"].into_iter().enumerate() {
            let numbers = match b {
                Some(b) => {
                    let first = (2 * direction + index) * all;
                    rows(&b.as_floats()[first..][..all], 1)
                }
                None => vec![0.0; all],
            };
            tensors.push((format!("{name}{suffix}"), Tensor::floats(&[all], numbers)));
        }
    }
    Ok(tensors)
}
