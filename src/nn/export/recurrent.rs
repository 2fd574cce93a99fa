//! Recurrent layers. ONNX has the steps in front of the batch, and the gates in another order.

use super::{Attribute, Export, ExportError, Exported, Graph, Value};
use crate::params::Parameters;
use crate::tensor::Element;

/// The number of ONNX's type of lengths.
const INT32: i64 = 6;

/// A recurrent layer with its options.
pub(in crate::nn) struct Recurrent {
    /// The layer's name here.
    pub name: &'static str,
    pub hidden: usize,
    pub layers: usize,
    pub directions: usize,
    pub masked: bool,
    pub initial: bool,
    pub last: bool,
    pub reset_before: bool,
    pub relu: bool,
}

impl Recurrent {
    /// The operator, and for each of its gates the index of the gate here.
    fn operator(&self) -> (&'static str, &'static [usize]) {
        match self.name {
            "Lstm" => ("LSTM", &[0, 3, 1, 2]),
            "Gru" => ("GRU", &[1, 0, 2]),
            _ => ("RNN", &[0]),
        }
    }

    fn has_cells(&self) -> bool {
        self.name == "Lstm"
    }

    /// Puts the gates of a tensor, in rows, into the order of ONNX.
    fn reorder(&self, graph: &mut Graph, x: &str) -> String {
        let (_, order) = self.operator();
        if order.is_sorted() {
            return x.to_owned();
        }
        let gates: Vec<String> = order
            .iter()
            .map(|gate| graph.slice(x, 0, gate * self.hidden, (gate + 1) * self.hidden))
            .collect();
        let gates: Vec<&str> = gates.iter().map(String::as_str).collect();
        graph.concat(&gates, 0)
    }

    /// Adds a new first axis to the tensors of all directions, and puts them side by side along it.
    fn stack(&self, graph: &mut Graph, tensors: &[String]) -> String {
        let axis = graph.ints(&[0]);
        let stacked: Vec<String> = tensors
            .iter()
            .map(|x| graph.node("Unsqueeze", &[x, &axis], &[]))
            .collect();
        match &stacked[..] {
            [one] => one.clone(),
            several => {
                let several: Vec<&str> = several.iter().map(String::as_str).collect();
                graph.concat(&several, 0)
            }
        }
    }

    /// Returns the weights of inputs and states and the biases of a layer.
    fn weights<T: Element, P: Parameters<T>>(
        &self,
        call: &mut Export<'_>,
        params: &P,
        layer: usize,
    ) -> Result<[String; 3], ExportError> {
        let mut all = [const { Vec::new() }; 3];
        for direction in 0..self.directions {
            let suffix = if direction == 0 { "" } else { "_reverse" };
            let name = |kind: &str| format!("{kind}_l{layer}{suffix}");
            for (kind, all) in ["weight_ih", "weight_hh"].iter().zip(&mut all) {
                let weight = call.param(params, &name(kind))?;
                all.push(self.reorder(call.graph, &weight));
            }
            let biases = ["bias_ih", "bias_hh"].map(|kind| {
                let bias = call.optional_param(params, &name(kind))?;
                Some(self.reorder(call.graph, &bias))
            });
            if let [Some(of_inputs), Some(of_states)] = biases {
                let both = call.graph.concat(&[&of_inputs, &of_states], 0);
                all[2].push(both);
            }
        }
        Ok(all.map(|tensors| match &tensors[..] {
            [] => String::new(),
            tensors => self.stack(call.graph, tensors),
        }))
    }

    /// Returns the first states of a layer, `[directions, batch, hidden]`.
    fn first_state(&self, graph: &mut Graph, states: &str, layer: usize) -> String {
        let all = self.layers * self.directions;
        let states = if all == 1 {
            graph.reshape(states, &[1, self.hidden])
        } else {
            let first = layer * self.directions;
            graph.slice(states, 1, first, first + self.directions)
        };
        graph.transpose(&states, &[1, 0, 2])
    }

    /// Returns the attributes of the operator.
    fn attributes(&self) -> Vec<Attribute<'static>> {
        let bidirectional = self.directions == 2;
        let direction = if bidirectional {
            "bidirectional"
        } else {
            "forward"
        };
        let mut attributes = vec![
            Attribute::Int("hidden_size", self.hidden as i64),
            Attribute::Text("direction", direction),
        ];
        if self.name == "Gru" {
            let after = !self.reset_before;
            attributes.push(Attribute::Int("linear_before_reset", after.into()));
        }
        if self.relu {
            let each = if self.name == "Gru" {
                &["Sigmoid", "Relu"][..]
            } else {
                &["Relu"]
            };
            attributes.push(Attribute::Texts(
                "activations",
                each.repeat(self.directions),
            ));
        }
        attributes
    }

    pub fn export<T: Element, P: Parameters<T>>(
        &self,
        params: &P,
        mut call: Export<'_>,
    ) -> Exported {
        let mut sources = call.each()?.into_iter();
        let mut x = sources.next().unwrap_or_default();
        let lengths = match self.masked.then(|| sources.next()).flatten() {
            Some(mask) => {
                let sum = call.graph.reduce("ReduceSum", &mask, &[1], false);
                let to = [Attribute::Int("to", INT32)];
                call.graph.node("Cast", &[&sum], &to)
            }
            None => String::new(),
        };
        let first_states: Vec<String> = sources.collect();

        let (operator, _) = self.operator();
        let mut last = [const { Vec::new() }; 2];
        for layer in 0..self.layers {
            let [weight_ih, weight_hh, bias] = self.weights(&mut call, params, layer)?;
            let graph = &mut *call.graph;
            let steps = graph.transpose(&x, &[1, 0, 2]);
            let mut inputs = vec![steps, weight_ih, weight_hh, bias, lengths.clone()];
            if self.initial {
                let states = first_states.iter();
                inputs.extend(states.map(|states| self.first_state(graph, states, layer)));
            }
            while inputs.last().is_some_and(String::is_empty) {
                inputs.pop();
            }

            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let attributes = self.attributes();
            let (y, states) = if self.has_cells() {
                let [y, h, c] = graph.node_with(operator, &inputs, &attributes);
                (y, vec![h, c])
            } else {
                let [y, h] = graph.node_with(operator, &inputs, &attributes);
                (y, vec![h])
            };
            for (last, state) in last.iter_mut().zip(states) {
                last.push(graph.transpose(&state, &[1, 0, 2]));
            }

            // `[steps, directions, batch, hidden]` becomes `[batch, steps, directions * hidden]`.
            let y = graph.transpose(&y, &[2, 0, 1, 3]);
            let length = call.inputs[0].size(0);
            x = graph.reshape(&y, &[length, self.directions * self.hidden]);
        }

        let mut tensors = vec![x];
        if self.last {
            let parts = call.output.parts();
            for (states, dims) in last.iter().filter(|s| !s.is_empty()).zip(&parts[1..]) {
                let states: Vec<&str> = states.iter().map(String::as_str).collect();
                let all = call.graph.concat(&states, 1);
                tensors.push(call.graph.reshape(&all, dims.sizes()));
            }
        }
        Ok(Value::tuple(tensors))
    }
}
