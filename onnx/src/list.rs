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

    /// Returns a tensor with its axes in the order of memory.
    pub fn in_memory(&self, tensor: &Tensor) -> Tensor {
        match tensor.shape.len() {
            2 if self.kind != "Embedding" => tensor.transposed(&[1, 0]),
            3 => tensor.transposed(&[2, 1, 0]),
            4 => tensor.transposed(&[2, 3, 1, 0]),
            _ => tensor.clone(),
        }
    }

    /// Multiplies the outputs of a layer with a weight for each channel by `factors`, and adds
    /// `summands`. Returns whether it is such a layer.
    pub fn absorb(&mut self, factors: Option<&[f32]>, summands: Option<&[f32]>) -> bool {
        if self.kind == "LayerNorm" {
            return self.absorb_in_norm(factors, summands);
        }
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

    /// A normalization gets the weight and the bias that follow it.
    fn absorb_in_norm(&mut self, factors: Option<&[f32]>, summands: Option<&[f32]>) -> bool {
        let features = self.dims.last().copied().unwrap_or(1);
        let fits = |numbers: Option<&[f32]>| numbers.is_none_or(|n| n.len() == features);
        if !fits(factors) || !fits(summands) {
            return false;
        }
        let own = |index: usize, default: f32| match self.tensors.get(index) {
            Some((_, tensor)) => tensor.as_floats().to_vec(),
            None => vec![default; features],
        };
        let (mut weight, mut bias) = (own(0, 1.0), own(1, 0.0));
        for i in 0..features {
            let factor = factors.map_or(1.0, |factors| factors[i]);
            weight[i] *= factor;
            bias[i] = bias[i] * factor + summands.map_or(0.0, |summands| summands[i]);
        }
        self.arguments
            .retain(|argument| argument != "NoAffine" && argument != "NoBias");
        let tensor = |numbers| Tensor::floats(&[features], numbers);
        self.tensors = vec![
            ("weight".to_owned(), tensor(weight)),
            ("bias".to_owned(), tensor(bias)),
        ];
        true
    }
}
