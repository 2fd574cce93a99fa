//! ONNX files: all layers in ONNX Runtime, and the structure of a file.

use std::path::Path;
use std::process::Command;

use serde_json::json;
use shapewright::export::ExportError;
use shapewright::prelude::*;

use crate::common::layers::Scale;
use crate::common::{In, Out, folder, random};

/// The number of samples of each file.
const BATCH: usize = 3;

/// Writes a network with random parameters, some inputs, and its outputs.
pub fn save<N: Network<Element = f32>>(folder: &Path, tolerance: f64) {
    save_with::<N>(folder, tolerance, &random(BATCH, 2));
}

/// Writes a network with these inputs.
fn save_with<N: Network<Element = f32>>(folder: &Path, tolerance: f64, x: &[In<N>]) {
    let mut net = N::init(&mut shapewright::rng(1));
    let mut parameters = Vec::new();
    // Numbers in place of ones and zeros, which would hide mistakes; variances stay above 0.
    let mut index = 0.0_f32;
    net.for_each_param_mut(|name, _, values| {
        for value in values.iter_mut() {
            index += 1.0;
            let noise = 0.2 * (index * 0.7).sin();
            *value = if name.ends_with("_var") || name.ends_with("std") {
                1.0 + noise
            } else {
                *value + noise
            };
        }
        if !name.ends_with("num_batches_tracked") && !name.ends_with("weight_u") {
            parameters.push(name.to_owned());
        }
    });

    write(folder, tolerance, &*net, x, &parameters);
}

/// Writes a network with these inputs, and the names of parameters that its file has.
pub fn write<N: Network<Element = f32>>(
    folder: &Path,
    tolerance: f64,
    net: &N,
    x: &[In<N>],
    parameters: &[String],
) {
    let mut y = vec![Out::<N>::zeros(); x.len()];
    net.forward_batch(x, &mut y);
    let of_x = parts(<N::Input as Shape>::DIMS, x.iter().map(|x| x.as_slice()));
    let of_y = parts(<N::Output as Shape>::DIMS, y.iter().map(|y| y.as_slice()));
    let case = json!({
        "batch": x.len(), "inputs": of_x, "outputs": of_y, "parameters": parameters,
        "tolerance": tolerance,
    });
    let path = folder.join(N::NAME);
    net.to_onnx(path.with_extension("onnx")).expect("a file");
    std::fs::write(path.with_extension("json"), case.to_string()).expect("a file");
}

/// Returns the numbers of each part of some tensors.
fn parts<'a>(
    dims: shapewright::tensor::Dims,
    samples: impl Iterator<Item = &'a [f32]>,
) -> Vec<Vec<f32>> {
    let lens: Vec<usize> = match dims.parts() {
        [] => vec![dims.len()],
        parts => parts.iter().map(|part| part.len()).collect(),
    };
    let mut numbers = vec![Vec::new(); lens.len()];
    for mut sample in samples {
        for (numbers, len) in numbers.iter_mut().zip(&lens) {
            let (part, rest) = sample.split_at(*len);
            numbers.extend_from_slice(part);
            sample = rest;
        }
    }
    numbers
}

network! { struct Mlp: [5] -> [3] { fc: Linear<_, 8>, Relu, Dropout(0.5), head: Linear<_, 3, NoBias>, Softmax } }
network! { struct Rows: [4, 5] -> [4, 3] { fc: Linear<_, 8>, Tanh, head: Linear<_, 3>, LogSoftmax } }
network! {
    struct EachFunction: [6] -> [96] {
        Concat {
            a: { Concat { a: Relu6, b: Sigmoid, c: LogSigmoid, d: HardSigmoid, e: Softsign } },
            b: { Concat { a: Selu, b: Gelu, c: GeluTanh, d: Silu, e: Mish } },
            c: { Concat { a: HardSwish, b: LeakyRelu(0.2), c: Elu(0.7), d: Celu(0.6), e: Softplus(2.0, 1.0), f: HardTanh(-0.3, 0.2) } },
        },
    }
}
network! {
    struct Images: [9, 8, 2] -> [3] {
        conv: Conv2d<_, 4, (3, 2), Stride<2, 1>, Pad<1, 0>>,
        Relu,
        depthwise: Conv2d<_, 8, 3, Pad<1>, Groups<4>>,
        norm: BatchNorm2d<_>(1e-3, 0.1),
        MaxPool2d<2, Stride<1>, Pad<1>>,
        dilated: Conv2d<_, 4, 2, Dilation<2>, NoBias>,
        instance: InstanceNorm2d<_>,
        up: ConvTranspose2d<_, 6, (3, 2), Stride<2>, Pad<1, 0>, OutputPad<1, 0>>,
        group: GroupNorm<3, _>,
        AvgPool2d<2, Stride<2>, Pad<1>>,
        Flatten,
        head: Linear<_, 3>,
    }
}
network! {
    struct Upsampled: [3, 4, 2] -> [12, 12, 4] {
        Concat { a: { Upsample<(2, 3)> }, b: { UpsampleBilinear<(2, 3)> } },
        Upsample<(2, 1)>,
    }
}
network! {
    struct Pooled: [7, 5, 3] -> [24] {
        Concat {
            a: { AdaptiveAvgPool2d<(3, 2)>, GlobalAvgPool2d },
            b: { AdaptiveMaxPool2d<(1, 1)>, Flatten },
            c: { AvgPool2d<(3, 2), Stride<2>, Pad<1>, ExcludePad>, Flatten, Linear<_, 3> },
            d: { AdaptiveAvgPool2d<(6, 5)>, ZeroPad2d<(1, 2, 3, 0)>, ReflectionPad2d<1>, ReplicationPad2d<(2, 1, 0, 3)>, Flatten, Linear<_, 15> },
        },
    }
}
network! {
    struct Signals: [12, 3] -> [8] {
        Concat {
            a: {
                conv: Conv1d<_, 4, 3, Causal>, Tanh, ReflectionPad1d<2>, ReplicationPad1d<(1, 0)>, ZeroPad1d<(0, 1)>,
                strided: Conv1d<_, 4, 3, Stride<2>, Pad<1>>, BatchNorm1d<_, NoAffine>, MaxPool1d<2>, AvgPool1d<2>,
                GlobalAvgPool1d,
            },
            b: { AdaptiveAvgPool1d<5>, AdaptiveMaxPool1d<2>, Flatten, Linear<_, 2> },
            c: { Slice<2, 4>, Transpose, SelectLast, Linear<_, 2> },
        },
        BatchNorm1d<_>,
    }
}
network! {
    struct Norms: [4, 3, 6] -> [4, 3, 6] {
        LayerNorm<_>, LayerNorm<_, _>, LayerNorm<3, 6>(1e-3), LayerNorm<4, 3, 6>, LayerNorm<_, NoAffine>,
        RmsNorm<_>, RmsNorm<_, _>, GroupNorm<2, _, NoAffine>, PRelu<_>, PRelu,
    }
}
network! {
    struct Shapes: [2, 3, 4] -> [2, 6] {
        Permute<2, 0, 1>, Reshape<4, 6>, Transpose, Reshape<6, _>, Glu, Transpose,
    }
}
network! {
    struct Frames: [4, 6] -> [4, 5] { Overlap<4>, Magnitude, }
}
network! {
    struct Preprocessed: [6] -> [3] {
        Concat { values: { scale: Standardize<_> }, missing: { IsMissing } }, Linear<_, 3>,
    }
}
network! {
    struct Wired: (state: [4], goal: [2], unit: [4]) -> (value: [1], policy: [3]) {
        fc: Linear<_, 4> <- state,
        act: Tanh,
        sum: Add <- (act, state, unit),
        product: Mul <- (sum, unit),
        both: Concat <- (product, goal),
        value: Linear<_, 1>,
        policy: Linear<_, 3> <- both,
    }
}
network! {
    struct Deep: [5] -> [6] {
        blocks: Repeat<3> { Residual { norm: LayerNorm, fc: Linear<_, 8>, Gelu, out: Linear<_, 5> } },
        Residual { Linear<_, 6>, Relu, shortcut: { Linear<_, 6, NoBias> } },
        fan: Fan,
        a: SelectPart<0>,
        b: SelectPart<1> <- fan,
        Concat <- (a, b),
        Linear<_, 6>,
    }
}
network! {
    struct Formulas: (a: [4, 6], b: [6, 4], c: [1, 6]) -> [4, 31] {
        wide: Expand<4, _> <- c,
        scaled: Affine<_> <- a,
        difference: Sub <- (scaled, wide),
        Abs,
        root: Sqrt,
        power: Pow(3.0) <- difference,
        Erf <- difference,
        cosine: Cos,
        sine: Sin <- difference,
        exponential: Exp <- difference,
        logarithm: Log,
        floor: Floor <- power,
        larger: Maximum <- (difference, wide),
        smaller: Minimum <- (cosine, wide),
        is_greater: Greater <- (difference, wide),
        is_equal: Equal <- (larger, difference),
        chosen: Where <- (is_greater, exponential, sine),
        ratio: Div <- (smaller, exponential),
        product: MatMul <- (chosen, b),
        part: SliceFeatures<1, 3> <- ratio,
        sum: Add <- (logarithm, is_equal, cosine),
        Concat <- (product, part, root, power, floor, sum),
    }
}
network! { struct Fan: [6] -> ([2], [6]) { Split { a: { Linear<_, 2>, Tanh }, b: Linear<_, 6> } } }
network! { struct Critic: (state: [4], action: [2]) -> [1] { both: Concat <- (state, action), Linear<_, 1> } }
network! {
    struct Nested: (state: [4], action: [2]) -> [1] { critic: Critic <- (state, action), Sigmoid }
}
network! {
    struct Words: (tokens: [7], mask: [7]) -> [20] {
        embed: Embedding<20, 8> <- tokens,
        place: PositionalEmbedding<9>,
        attention: MultiHeadAttention<_, 2, KeyPaddingMask> <- (place, mask),
        mean: MeanOverTime <- (attention, mask),
        most: MaxOverTime <- (attention, mask),
        sum: Add <- (mean, most),
        #[tied(embed)]
        head: Unembedding<8, 20>,
    }
}
network! {
    struct Attention: [6, 8] -> [8] {
        PositionalEncoding,
        Residual { MultiHeadAttention<_, 4, Causal, Window<3>, KvHeads<2>, Rotary, NoBias> },
        Residual { MultiHeadAttention<_, 2, HeadDim<6>, RotaryInterleaved, Causal> },
        MeanOverTime,
    }
}
network! {
    struct Crossed: (x: [5, 8], memory: [7, 6], mask: [7], bias: [2, 5, 7]) -> [5, 8] {
        read: MultiHeadAttention<_, 2, Cross, KeyPaddingMask, AttentionBias> <- (x, memory, mask, bias),
    }
}
network! {
    struct Biased: (x: [5, 8], bias: [5, 5]) -> [8] {
        read: MultiHeadAttention<_, 2, AttentionBias> <- (x, bias), MaxOverTime,
    }
}
network! { struct OneLstm: [6, 3] -> [6, 5] { lstm: Lstm<_, 5> } }
network! {
    struct AllLstm: (x: [6, 3], mask: [6], h0: [4, 4], c0: [4, 4]) -> ([6, 8], [4, 4], [4, 4]) {
        lstm: Lstm<_, 4, Layers<2>, Bidirectional, Masked, InitialState, FinalState> <- (x, mask, h0, c0),
    }
}
network! { struct StatesLstm: (x: [5, 3], h0: [4], c0: [4]) -> ([5, 4], [4], [4]) {
    lstm: Lstm<_, 4, FinalState, InitialState, NoBias> <- (x, h0, c0)
} }
network! { struct OneGru: [6, 3] -> [5] { gru: Gru<_, 5>, SelectLast } }
network! {
    struct AllGru: (x: [6, 3], mask: [6], h0: [4, 4]) -> ([6, 8], [4, 4]) {
        gru: Gru<_, 4, Layers<2>, Bidirectional, Masked, InitialState, FinalState> <- (x, mask, h0),
    }
}
network! { struct OtherGru: [6, 3] -> [6, 5] { gru: Gru<_, 5, ResetBefore, Relu> } }
network! { struct OneRnn: [6, 3] -> [6, 10] { rnn: Rnn<_, 5, Relu, Bidirectional, Layers<2>> } }
network! { struct PlainRnn: [6, 3] -> [6, 5] { rnn: Rnn<_, 5, NoBias> } }
network! {
    struct Spectral: [6, 6, 2] -> [3] {
        conv: SpectralNorm<Conv2d<_, 4, 3, Stride<2>, Pad<1>>>, LeakyRelu(0.1), Flatten,
        head: SpectralNorm<Linear<_, 3>>,
    }
}
network! {
    struct Latent: [6] -> (z: [4], spread: [4]) {
        mean: Linear<_, 4>, spread: Linear<_, 4> <- input, z: Reparameterize <- (mean, spread),
    }
}

network! { struct Elman: (x: [3], h: [4]) -> [4] { both: Concat <- (x, h), fc: Linear<_, 4>, Tanh } }
network! {
    struct Minimal: (x: [3], h: [4], c: [2]) -> (y: [5], h_next: [4], c_next: [2]) {
        both: Concat <- (x, h, c),
        y: Linear<_, 5>,
        h_next: Linear<_, 4> <- both,
        c_next: Linear<_, 2> <- both,
    }
}
network! { struct Scanned: [5, 3] -> [5, 4] { scan: Scan<Elman> } }
network! {
    struct ScannedStates: (x: [5, 3], h0: [4], c0: [2]) -> ([5, 5], [4], [2]) {
        scan: Scan<Minimal, InitialState, FinalState> <- (x, h0, c0),
    }
}

/// Returns masks of real positions at the beginning, and hides none of the other inputs.
fn masked<N: Network<Element = f32>>(mask: std::ops::Range<usize>, indices: usize) -> Vec<In<N>> {
    let mut x: Vec<In<N>> = random(BATCH, 3);
    for (sample, x) in x.iter_mut().enumerate() {
        let x = x.as_mut_slice();
        let real = mask.len() - 2 * sample;
        for (position, value) in x[mask.clone()].iter_mut().enumerate() {
            *value = if position < real { 1.0 } else { 0.0 };
        }
        for (position, value) in x[..indices].iter_mut().enumerate() {
            *value = ((7 * position + sample) % 20) as f32;
        }
    }
    x
}

#[test]
fn files_compute_the_same_in_onnx_runtime() {
    let folder = &folder("onnx");
    save::<Mlp>(folder, 1e-5);
    save::<Rows>(folder, 1e-5);
    save::<EachFunction>(folder, 1e-5);
    save::<Images>(folder, 1e-5);
    save::<Upsampled>(folder, 1e-5);
    save::<Pooled>(folder, 1e-5);
    save::<Signals>(folder, 1e-5);
    save::<Norms>(folder, 1e-5);
    save::<Shapes>(folder, 1e-5);
    save::<Frames>(folder, 1e-5);
    let missing = [[f32::NAN, 1.0, 2.0, -1.0, f32::NAN, 0.5]; BATCH].map(Tensor1::from);
    save_with::<Preprocessed>(folder, 1e-5, &missing);
    save::<Wired>(folder, 1e-5);
    save::<Deep>(folder, 1e-5);
    save::<Formulas>(folder, 1e-5);
    save::<Fan>(folder, 1e-5);
    save::<Nested>(folder, 1e-5);
    save_with::<Words>(folder, 1e-5, &masked::<Words>(7..14, 7));
    save::<Attention>(folder, 1e-5);
    save_with::<Crossed>(folder, 1e-5, &masked::<Crossed>(40 + 42..40 + 42 + 7, 0));
    save::<Biased>(folder, 1e-5);
    save::<OneLstm>(folder, 1e-5);
    save_with::<AllLstm>(folder, 1e-5, &masked::<AllLstm>(18..24, 0));
    save::<StatesLstm>(folder, 1e-5);
    save::<OneGru>(folder, 1e-5);
    save_with::<AllGru>(folder, 1e-5, &masked::<AllGru>(18..24, 0));
    save::<OtherGru>(folder, 1e-5);
    save::<OneRnn>(folder, 1e-5);
    save::<PlainRnn>(folder, 1e-5);
    save::<Scanned>(folder, 1e-5);
    save::<ScannedStates>(folder, 1e-5);
    save::<Spectral>(folder, 1e-5);
    save::<Latent>(folder, 1e-5);
    super::onnx_export_wiring::save(folder);
    super::onnx_export_int8::save(folder);

    let python = std::env::var("PYTHON").unwrap_or("python3".to_owned());
    let has_runtime = Command::new(&python)
        .args(["-c", "import onnx, onnxruntime"])
        .output();
    if !has_runtime.is_ok_and(|output| output.status.success()) {
        println!("skipped: `{python}` has no ONNX Runtime; set PYTHON to one that has");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/check_onnx.py");
    let output = Command::new(&python)
        .arg(script)
        .arg(folder)
        .output()
        .expect("the script");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{said}");
}

/// The fields of a message: their numbers, and their bytes or numbers.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>, u64)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut x = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            x |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        x
    }

    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (data, number) = match key & 7 {
            0 => (Vec::new(), varint(&mut bytes)),
            2 => {
                let len = varint(&mut bytes) as usize;
                let (data, rest) = bytes.split_at(len);
                bytes = rest;
                (data.to_vec(), 0)
            }
            _ => {
                let (data, rest) = bytes.split_at(4);
                bytes = rest;
                (data.to_vec(), 0)
            }
        };
        fields.push((key >> 3, data, number));
    }
    fields
}

/// Returns the texts of a field.
fn texts(message: &[u8], number: u64) -> Vec<String> {
    let found = fields(message).into_iter().filter(|f| f.0 == number);
    found
        .map(|f| String::from_utf8(f.1).expect("a text"))
        .collect()
}

/// Returns the messages of a field.
fn messages(message: &[u8], number: u64) -> Vec<Vec<u8>> {
    let found = fields(message).into_iter().filter(|f| f.0 == number);
    found.map(|f| f.1).collect()
}

#[test]
fn a_file_has_names_shapes_and_metadata() {
    let mut net = Wired::zeros();
    net.fc.weight[0] = [1.0, 2.0, 3.0, 4.0];
    let model = net
        .to_onnx_bytes_with(&[("vocabulary", "a b")])
        .expect("a file");

    let metadata = messages(&model, 14);
    assert_eq!(texts(&metadata[0], 1), ["vocabulary"]);
    assert_eq!(texts(&metadata[0], 2), ["a b"]);
    assert_eq!(fields(&model)[0], (1, Vec::new(), 8));
    assert_eq!(fields(&messages(&model, 8)[0])[1].2, 17, "the operators");

    let graph = &messages(&model, 7)[0];
    assert_eq!(texts(graph, 2), ["Wired"]);
    let nodes = messages(graph, 1);
    let operators: Vec<String> = nodes.iter().flat_map(|node| texts(node, 4)).collect();
    assert_eq!(
        operators,
        [
            "Gemm", "Tanh", "Add", "Add", "Mul", "Concat", "Gemm", "Gemm", "Identity", "Identity"
        ]
    );
    assert_eq!(texts(&nodes[0], 1), ["state", "fc.weight", "fc.bias"]);
    assert_eq!(texts(&nodes[0], 2), ["fc/Gemm_1"]);

    let names = |number| -> Vec<String> {
        let messages = messages(graph, number);
        messages
            .iter()
            .flat_map(|message| texts(message, 1))
            .collect()
    };
    assert_eq!(names(11), ["state", "goal", "unit"]);
    assert_eq!(names(12), ["value", "policy"]);

    // `[out, in]`, as in PyTorch.
    let weights = messages(graph, 5);
    assert_eq!(texts(&weights[0], 8), ["fc.weight"]);
    assert_eq!(messages(&weights[0], 1), [[4, 4]]);
    let numbers: Vec<f32> = messages(&weights[0], 9)[0]
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    assert_eq!(numbers[..5], [1.0, 0.0, 0.0, 0.0, 2.0]);

    // An open batch, and the sizes of a sample.
    let input = &messages(graph, 11)[0];
    let tensor = &messages(&messages(input, 2)[0], 1)[0];
    let axes = messages(&messages(tensor, 2)[0], 1);
    assert_eq!(texts(&axes[0], 2), ["batch"]);
    assert_eq!(fields(&axes[1])[0].2, 4);
}

network! { struct Scaled: [5] -> [5] { Linear<_, 5>, body: Own } }
network! { struct Own: [5] -> [5] { factors: Scale<_>, Relu } }

#[test]
fn a_layer_that_cannot_be_written_is_named() {
    let error = Scaled::zeros()
        .to_onnx_bytes()
        .expect_err("a layer without `export`");
    assert!(
        matches!(&error, ExportError::Unsupported { layer, .. } if layer == "factors: Scale<_>")
    );
    assert_eq!(
        error.to_string(),
        "`factors: Scale<_>`, whose name is `body.factors`, can't be written as ONNX with these options; leave \
         it out, or, if it is your own, implement `export` in its `Infer` (`export_in_place` in its \
         `InPlace`)"
    );
}
