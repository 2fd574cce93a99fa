//! Models of guitar amplifiers: their networks, and the files of GuitarML and Neural Amp Modeler.

use std::collections::HashMap;

use serde_json::{Value, json};
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank2};
use shapewright::{Stream, Streaming};

/// The number of samples of a block.
pub const BLOCK: usize = 64;

/// The samples of silence before the first sample of a recurrent model, as NAM has them.
const SILENCE: usize = 48_000;

network! {
    /// Wright et al., 2020, "Real-Time Guitar Amplifier Emulation with Deep Learning".
    #[stream]
    struct LstmAmp<const H: usize>: [BLOCK, 1] -> [BLOCK, 1] {
        rec: Lstm<_, H>,
        lin: Linear<_, 1>,
        Add <- (lin, input),
    }
}

network! {
    /// The same with a gated recurrent unit.
    #[stream]
    struct GruAmp<const H: usize>: [BLOCK, 1] -> [BLOCK, 1] {
        rec: Gru<_, H>,
        lin: Linear<_, 1>,
        Add <- (lin, input),
    }
}

network! {
    /// NAM's recurrent model, which does not add its input.
    #[stream]
    struct LstmModel<const H: usize, const LAYERS: usize>: [BLOCK, 1] -> [BLOCK, 1] {
        rec: Lstm<_, H, Layers<LAYERS>>,
        lin: Linear<_, 1>,
    }
}

network! {
    /// The numbers that a layer of the WaveNet adds to the head.
    #[stream]
    struct Cell<const C: usize, const D: usize>: (x: [BLOCK, C], sound: [BLOCK, 1]) -> [BLOCK, C] {
        conv: Conv1d<_, C, 3, Dilation<D>, Causal> <- x,
        mixin: Linear<_, C, NoBias> <- sound,
        Add <- (conv, mixin),
        Tanh,
    }
}

/// Defines the layers with 16 and with 8 channels, for each dilation.
macro_rules! cells {
    ($($wide:ident $narrow:ident $dilation:literal;)*) => { $(
        network! { struct $wide = Cell<16, $dilation>; }
        network! { struct $narrow = Cell<8, $dilation>; }
    )* };
}
cells! {
    Wide1 Narrow1 1;
    Wide2 Narrow2 2;
    Wide4 Narrow4 4;
    Wide8 Narrow8 8;
    Wide16 Narrow16 16;
    Wide32 Narrow32 32;
    Wide64 Narrow64 64;
    Wide128 Narrow128 128;
    Wide256 Narrow256 256;
    Wide512 Narrow512 512;
}

network! {
    /// NAM's "standard" WaveNet: two arrays of ten layers, whose parameters are in the order of the
    /// files. A line is a layer: what it adds to the head and to the next layer's input, with sums.
    #[stream]
    struct WaveNet: [BLOCK, 1] -> [BLOCK, 1] {
        x0: Linear<_, 16, NoBias>,
        z0: Wide1 <- (x0, input), r0: Linear<_, 16>, x1: Add <- (x0, r0),
        z1: Wide2 <- (x1, input), r1: Linear<_, 16>, x2: Add <- (x1, r1), h1: Add <- (z0, z1),
        z2: Wide4 <- (x2, input), r2: Linear<_, 16>, x3: Add <- (x2, r2), h2: Add <- (h1, z2),
        z3: Wide8 <- (x3, input), r3: Linear<_, 16>, x4: Add <- (x3, r3), h3: Add <- (h2, z3),
        z4: Wide16 <- (x4, input), r4: Linear<_, 16>, x5: Add <- (x4, r4), h4: Add <- (h3, z4),
        z5: Wide32 <- (x5, input), r5: Linear<_, 16>, x6: Add <- (x5, r5), h5: Add <- (h4, z5),
        z6: Wide64 <- (x6, input), r6: Linear<_, 16>, x7: Add <- (x6, r6), h6: Add <- (h5, z6),
        z7: Wide128 <- (x7, input), r7: Linear<_, 16>, x8: Add <- (x7, r7), h7: Add <- (h6, z7),
        z8: Wide256 <- (x8, input), r8: Linear<_, 16>, x9: Add <- (x8, r8), h8: Add <- (h7, z8),
        z9: Wide512 <- (x9, input), r9: Linear<_, 16>, x10: Add <- (x9, r9), h9: Add <- (h8, z9),
        g0: Linear<_, 8, NoBias>,

        y0: Linear<_, 8, NoBias> <- x10,
        u0: Narrow1 <- (y0, input), s0: Linear<_, 8>, y1: Add <- (y0, s0), g1: Add <- (g0, u0),
        u1: Narrow2 <- (y1, input), s1: Linear<_, 8>, y2: Add <- (y1, s1), g2: Add <- (g1, u1),
        u2: Narrow4 <- (y2, input), s2: Linear<_, 8>, y3: Add <- (y2, s2), g3: Add <- (g2, u2),
        u3: Narrow8 <- (y3, input), s3: Linear<_, 8>, y4: Add <- (y3, s3), g4: Add <- (g3, u3),
        u4: Narrow16 <- (y4, input), s4: Linear<_, 8>, y5: Add <- (y4, s4), g5: Add <- (g4, u4),
        u5: Narrow32 <- (y5, input), s5: Linear<_, 8>, y6: Add <- (y5, s5), g6: Add <- (g5, u5),
        u6: Narrow64 <- (y6, input), s6: Linear<_, 8>, y7: Add <- (y6, s6), g7: Add <- (g6, u6),
        u7: Narrow128 <- (y7, input), s7: Linear<_, 8>, y8: Add <- (y7, s7), g8: Add <- (g7, u7),
        u8: Narrow256 <- (y8, input), s8: Linear<_, 8>, y9: Add <- (y8, s8), g9: Add <- (g8, u8),
        u9: Narrow512 <- (y9, input), g10: Add <- (g9, u9),
        head: Linear<_, 1>,
    }
}

/// A network of any size and the stream through it.
trait Voice {
    fn step(&mut self, x: f32) -> f32;
    fn block(&mut self, x: &[f32; BLOCK], y: &mut [f32]);
    fn reset(&mut self);
}

struct Playing<N: Streaming> {
    net: Box<N>,
    stream: Box<Stream<N>>,
}

impl<N> Voice for Playing<N>
where
    N: Streaming<
            Element = f32,
            Input = Rank2<BLOCK, 1>,
            Output = Rank2<BLOCK, 1>,
            StepInput = Rank1<1>,
            StepOutput = Rank1<1>,
        >,
{
    fn step(&mut self, x: f32) -> f32 {
        self.stream.step(&self.net, &Tensor1::from([x]))[0]
    }

    fn block(&mut self, x: &[f32; BLOCK], y: &mut [f32]) {
        let x = Tensor2::from(x.map(|x| [x]));
        let mut output = Tensor2::zeros();
        self.stream.block(&self.net, &x, &mut output);
        y.copy_from_slice(output.as_slice());
    }

    fn reset(&mut self) {
        self.stream.reset();
    }
}

/// An amplifier that is being played.
pub struct Amp {
    /// The architecture and its size.
    pub name: String,
    /// The sampling rate that the file says, in Hz.
    pub sample_rate: Option<u32>,
    voice: Box<dyn Voice>,
    /// The samples of silence before the first one.
    silence: usize,
}

impl Amp {
    /// Reads a model of either program from the text of its file.
    ///
    /// # Errors
    /// Returns a sentence if the file is malformed, or if its network is none of those here.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut amp = match file["architecture"].as_str() {
            None => guitarml(&file)?,
            Some("LSTM") => nam_lstm(&file)?,
            Some("WaveNet") => nam_wavenet(&file)?,
            Some(other) => return Err(format!("the architecture `{other}` is not known here")),
        };
        amp.sample_rate = file["sample_rate"].as_f64().map(|rate| rate as u32);
        amp.restart();
        Ok(amp)
    }

    /// Creates an amplifier with random parameters.
    pub fn random(seed: u64) -> Self {
        let net = Lstm8::init(&mut shapewright::rng(seed));
        Amp::new("LSTM with 8 units".into(), play(net), 0)
    }

    fn new(name: String, voice: Box<dyn Voice>, silence: usize) -> Self {
        Amp {
            name,
            sample_rate: None,
            voice,
            silence,
        }
    }

    /// Returns to the first sample, before which there was silence.
    ///
    /// A stream begins with zeros in all delay lines. Inside a network with biases, silence is not
    /// zero, so that it has to be played.
    pub fn restart(&mut self) {
        self.voice.reset();
        let silence = vec![0.0; self.silence];
        let mut output = silence.clone();
        self.process(&silence, &mut output);
    }

    /// Returns the output for the next sample.
    pub fn step(&mut self, x: f32) -> f32 {
        self.voice.step(x)
    }

    /// Writes the outputs for the next samples to `y`: in blocks, and the rest step by step.
    pub fn process(&mut self, x: &[f32], y: &mut [f32]) {
        assert_eq!(x.len(), y.len(), "an output for each sample");
        let (blocks, rest) = x.as_chunks::<BLOCK>();
        let (outputs, last) = y.split_at_mut(x.len() - rest.len());

        for (x, y) in blocks.iter().zip(outputs.chunks_exact_mut(BLOCK)) {
            self.voice.block(x, y);
        }
        for (&x, y) in rest.iter().zip(last) {
            *y = self.voice.step(x);
        }
    }
}

fn play<N: Streaming>(net: Box<N>) -> Box<dyn Voice>
where
    Playing<N>: Voice + 'static,
{
    Box::new(Playing {
        net,
        stream: N::stream_boxed(),
    })
}

/// Tensors in PyTorch's order, by their names.
type Tensors = HashMap<String, Vec<f32>>;

/// A network with its parameters, or what is wrong with the file.
type Loaded = Result<Box<dyn Voice>, String>;

/// Creates a network with the tensors of its names.
fn load<N: Network<Element = f32>>(tensors: &Tensors) -> Result<Box<N>, String> {
    let mut net = N::zeros();
    let mut result = Ok(());
    net.for_each_param_mut(|name, sizes, values| match tensors.get(name) {
        Some(numbers) if numbers.len() == values.len() => reverse_axes(sizes, numbers, values),
        Some(numbers) => {
            let (found, len) = (numbers.len(), values.len());
            result = Err(format!("`{name}` has {found} numbers instead of {len}"));
        }
        None => result = Err(format!("there is no `{name}`")),
    });
    result.map(|()| net)
}

/// Copies numbers in PyTorch's order, in which all axes of all layers here are reversed.
fn reverse_axes(sizes: &[usize], numbers: &[f32], values: &mut [f32]) {
    for (position, value) in values.iter_mut().enumerate() {
        let mut rest = position;
        let mut stride = numbers.len();
        let mut from = 0;
        for &size in sizes.iter().rev() {
            stride /= size;
            from += rest % size * stride;
            rest /= size;
        }
        *value = numbers[from];
    }
}

/// Returns all numbers of nested lists.
fn numbers(list: &Value) -> Result<Vec<f32>, String> {
    match list {
        Value::Array(items) => {
            let parts: Result<Vec<_>, _> = items.iter().map(numbers).collect();
            parts.map(|parts| parts.concat())
        }
        Value::Number(number) => Ok(vec![number.as_f64().unwrap_or(f64::NAN) as f32]),
        other => Err(format!("`{other}` where numbers are expected")),
    }
}

/// Checks that a table of the file has these entries.
fn expect(found: &Value, expected: &Value) -> Result<(), String> {
    let entries = expected.as_object().into_iter().flatten();
    for (name, wanted) in entries {
        let found = &found[name];
        if found != wanted {
            return Err(format!("`{name}` is {found} instead of {wanted}"));
        }
    }
    Ok(())
}

/// Defines networks of these sizes, and the function that loads them.
macro_rules! guitarml_sizes {
    ($($lstm:ident $gru:ident $hidden:literal;)*) => {
        $(
            network! { struct $lstm = LstmAmp<$hidden>; }
            network! { struct $gru = GruAmp<$hidden>; }
        )*

        fn guitarml_of(unit: &str, hidden: u64, tensors: &Tensors) -> Loaded {
            match (unit, hidden) {
                $(
                    ("LSTM", $hidden) => load::<$lstm>(tensors).map(play),
                    ("GRU", $hidden) => load::<$gru>(tensors).map(play),
                )*
                _ => Err(format!("there is no {unit} with {hidden} units here")),
            }
        }
    };
}
guitarml_sizes! {
    Lstm8 Gru8 8;
    Lstm12 Gru12 12;
    Lstm16 Gru16 16;
    Lstm20 Gru20 20;
    Lstm24 Gru24 24;
    Lstm32 Gru32 32;
    Lstm40 Gru40 40;
    Lstm48 Gru48 48;
    Lstm64 Gru64 64;
}

/// Reads a model of GuitarML, whose tensors have PyTorch's names.
fn guitarml(file: &Value) -> Result<Amp, String> {
    let model = &file["model_data"];
    expect(
        model,
        &json!({ "input_size": 1, "output_size": 1, "num_layers": 1, "skip": 1 }),
    )?;
    let unit = model["unit_type"].as_str().unwrap_or_default();
    let hidden = model["hidden_size"].as_u64().unwrap_or_default();

    let mut tensors = Tensors::new();
    for (name, list) in file["state_dict"].as_object().into_iter().flatten() {
        tensors.insert(name.clone(), numbers(list)?);
    }
    let voice = guitarml_of(unit, hidden, &tensors)?;
    Ok(Amp::new(format!("{unit} with {hidden} units"), voice, 0))
}

/// Numbers of a file, one after another.
struct Numbers(std::vec::IntoIter<f32>);

impl Numbers {
    fn new(file: &Value) -> Result<Self, String> {
        numbers(&file["weights"]).map(|numbers| Numbers(numbers.into_iter()))
    }

    fn take(&mut self, count: usize) -> Result<Vec<f32>, String> {
        let taken: Vec<f32> = self.0.by_ref().take(count).collect();
        if taken.len() < count {
            return Err("there are too few weights".into());
        }
        Ok(taken)
    }

    fn end(mut self) -> Result<(), String> {
        self.0
            .next()
            .map_or(Ok(()), |_| Err("there are too many weights".into()))
    }
}

macro_rules! nam_sizes {
    ($($name:ident $hidden:literal $layers:literal;)*) => {
        $(network! { struct $name = LstmModel<$hidden, $layers>; })*

        fn nam_lstm_of(hidden: usize, layers: usize, tensors: &Tensors) -> Loaded {
            match (hidden, layers) {
                $(($hidden, $layers) => load::<$name>(tensors).map(play),)*
                _ => Err(format!("there is no LSTM with {layers} times {hidden} units here")),
            }
        }
    };
}
nam_sizes! {
    Nam3 3 1;
    Nam8 8 1;
    Nam12 12 1;
    Nam16 16 1;
    Nam24 24 1;
    Nam8x2 8 2;
    Nam16x2 16 2;
}

/// Reads a recurrent model of NAM.
///
/// The file has the state at the first sample as well, which NAM computed by playing a second of
/// silence. A stream begins with zeros, so that the same is done here, and the output of the stored
/// state shows that it is the same state.
fn nam_lstm(file: &Value) -> Result<Amp, String> {
    let config = &file["config"];
    expect(config, &json!({ "input_size": 1 }))?;
    let size = |name: &str| config[name].as_u64().unwrap_or_default() as usize;
    let hidden = size("hidden_size");
    let layers = size("num_layers");

    let mut weights = Numbers::new(file)?;
    let mut tensors = Tensors::new();
    let mut state = Vec::new();
    for layer in 0..layers {
        let inputs = if layer == 0 { 1 } else { hidden };
        let mut insert = |name: &str, numbers| {
            tensors.insert(format!("rec.{name}_l{layer}"), numbers);
        };

        // A row has the weights of the inputs and of the state. There is one bias.
        let mut ih = Vec::new();
        let mut hh = Vec::new();
        for _ in 0..4 * hidden {
            ih.extend(weights.take(inputs)?);
            hh.extend(weights.take(hidden)?);
        }
        insert("weight_ih", ih);
        insert("weight_hh", hh);
        insert("bias_ih", weights.take(4 * hidden)?);
        insert("bias_hh", vec![0.0; 4 * hidden]);
        state = weights.take(hidden)?;
        weights.take(hidden)?;
    }

    let head = weights.take(hidden)?;
    let bias = weights.take(1)?;
    let products = head.iter().zip(&state).map(|(weight, h)| weight * h);
    let expected = bias[0] + products.sum::<f32>();
    tensors.insert("lin.weight".into(), head);
    tensors.insert("lin.bias".into(), bias);
    weights.end()?;

    let voice = nam_lstm_of(hidden, layers, &tensors)?;
    let name = format!("LSTM with {layers} times {hidden} units");
    let mut amp = Amp::new(name, voice, SILENCE);
    amp.restart();
    let found = amp.step(0.0);
    if (found - expected).abs() > 1e-5 {
        return Err(format!(
            "the stored state gives {expected} and silence {found}: it is another state"
        ));
    }
    Ok(amp)
}

/// Reads a WaveNet of NAM.
fn nam_wavenet(file: &Value) -> Result<Amp, String> {
    let config = &file["config"];
    let array = |inputs: usize, channels: usize, head: usize, bias: bool| {
        json!({
            "input_size": inputs, "condition_size": 1, "head_size": head, "channels": channels,
            "kernel_size": 3, "dilations": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
            "activation": "Tanh", "gated": false, "head_bias": bias,
        })
    };
    if config["layers"].as_array().map(Vec::len) != Some(2) {
        return Err("there are other than two arrays".into());
    }
    expect(&config["layers"][0], &array(1, 16, 8, false))?;
    expect(&config["layers"][1], &array(16, 8, 1, true))?;
    expect(config, &json!({ "head": null }))?;

    let mut weights = Numbers::new(file)?;
    let mut net = WaveNet::zeros();
    let mut result = Ok(());
    net.for_each_param_mut(|name, sizes, values| {
        let mut next = || {
            // The last layer has a product for the next one, which there is not.
            if name == "head.weight" {
                weights.take(8 * 8 + 8)?;
            }
            weights.take(values.len())
        };
        match next() {
            Ok(numbers) => reverse_axes(sizes, &numbers, values),
            Err(error) => result = Err(error),
        }
    });
    result?;

    let scale = weights.take(1)?[0];
    weights.end()?;
    for value in net.head.weight.as_flattened_mut() {
        *value *= scale;
    }
    net.head.bias[0] *= scale;

    let name = "WaveNet of 20 layers".into();
    Ok(Amp::new(name, play(net), WaveNet::RECEPTIVE_FIELD))
}
