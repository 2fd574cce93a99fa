//! The list of layers that a graph becomes.

use crate::tensor::Tensor;

/// An output of a layer, or an input of the network: its index in the list.
pub(crate) type Source = usize;

/// A layer of the network, or one of its inputs.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// The name that the file suggests.
    pub name: String,
    /// The layer's name in `network!`; empty for an input.
    pub kind: &'static str,
    /// The sizes and options between its angle brackets.
    pub arguments: Vec<String>,
    /// The constructor arguments, without parentheses.
    pub call: Vec<String>,
    pub sources: Vec<Source>,
    /// The shape of its output.
    pub dims: Vec<usize>,
    /// Its parameters, with their names and axes in files.
    pub tensors: Vec<(String, Tensor)>,
    /// The number of layers that read its output so far.
    pub readers: usize,
}

impl Layer {
    pub fn new(kind: &'static str, sources: &[Source], dims: &[usize]) -> Self {
        Layer {
            name: String::new(),
            kind,
            arguments: Vec::new(),
            call: Vec::new(),
            sources: sources.to_vec(),
            dims: dims.to_vec(),
            tensors: Vec::new(),
            readers: 0,
        }
    }

    pub fn argument(mut self, argument: impl ToString) -> Self {
        self.arguments.push(argument.to_string());
        self
    }

    /// Adds an option with one or two numbers, unless they are all `default`.
    pub fn option(mut self, name: &str, numbers: &[usize], default: usize) -> Self {
        if numbers.iter().any(|&number| number != default) {
            self.arguments.push(match numbers {
                [a, b] if a == b => format!("{name}<{a}>"),
                [a, b] => format!("{name}<{a}, {b}>"),
                _ => format!("{name}<{}>", numbers[0]),
            });
        }
        self
    }

    /// Adds a constructor argument.
    pub fn call(mut self, number: f32) -> Self {
        self.call.push(format!("{number:?}"));
        self
    }

    pub fn tensor(mut self, name: &str, tensor: Tensor) -> Self {
        self.tensors.push((name.to_owned(), tensor));
        self
    }

    /// Adds a weight, and a bias or the option `NoBias`.
    pub fn weight(self, weight: Tensor, bias: Option<Vec<f32>>) -> Self {
        let layer = self.tensor("weight", weight);
        match bias {
            Some(bias) => layer.tensor("bias", Tensor::floats(&[bias.len()], bias)),
            None => layer.argument("NoBias"),
        }
    }

    /// Multiplies the outputs of a layer with a weight for each channel by `factors`, and adds
    /// `summands`. Returns whether it is such a layer.
    pub fn absorb(&mut self, factors: Option<&[f32]>, summands: Option<&[f32]>) -> bool {
        let is_transposed = self.kind == "ConvTranspose2d";
        let can = matches!(self.kind, "Linear" | "Conv1d" | "Conv2d")
            || is_transposed && factors.is_none();
        let channels = self.dims.last().copied().unwrap_or(1);
        let fits = |numbers: Option<&[f32]>| numbers.is_none_or(|n| n.len() == channels);
        if !can || !fits(factors) || !fits(summands) {
            return false;
        }

        if let Some(factors) = factors {
            let weight = &mut self.tensors[0].1;
            let mut numbers = weight.as_floats().to_vec();
            let row = numbers.len() / channels;
            for (row, factor) in numbers.chunks_exact_mut(row).zip(factors) {
                row.iter_mut().for_each(|number| *number *= factor);
            }
            *weight = Tensor::floats(&weight.shape, numbers);
        }
        let mut bias = match self.tensors.get(1) {
            Some((_, bias)) => bias.as_floats().to_vec(),
            None => vec![0.0; channels],
        };
        for (channel, bias) in bias.iter_mut().enumerate() {
            *bias *= factors.map_or(1.0, |factors| factors[channel]);
            *bias += summands.map_or(0.0, |summands| summands[channel]);
        }
        if self.tensors.len() == 2 || summands.is_some() {
            self.tensors.truncate(1);
            self.arguments.retain(|argument| argument != "NoBias");
            let bias = Tensor::floats(&[channels], bias);
            self.tensors.push(("bias".to_owned(), bias));
        }
        true
    }
}
