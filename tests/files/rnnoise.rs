//! The network of RNNoise, which others have trained, against the gains of its own program.
#![cfg(feature = "safetensors")]

use std::path::PathBuf;

use shapewright::nn::RecurrentWeights;
use shapewright::prelude::*;
use shapewright::tensor::Element;
use shapewright::weights::Loader;

use crate::common::{bits, settings, shared_file};

/// The number of frames of a block, and of the reference.
const BLOCK: usize = 10;
const FRAMES: usize = 285;

network! {
    /// 42 features of 10 ms of sound to the gains of 22 bands and the probability of speech (Valin,
    /// 2018, "A Hybrid DSP/Deep Learning Approach to Real-Time Full-Band Speech Enhancement").
    #[stream]
    struct RnNoise: [BLOCK, 42] -> (gains: [BLOCK, 22], vad: [BLOCK, 1]) {
        input_dense: Linear<_, 24>,
        dense: Tanh,
        vad_gru: Gru<_, 24, ResetBefore, Relu>,
        vad_output: Linear<_, 1>,
        vad: Sigmoid,
        Concat <- (dense, vad_gru, input),
        noise_gru: Gru<_, 48, ResetBefore, Relu>,
        Concat <- (vad_gru, noise_gru, input),
        denoise_gru: Gru<_, 96, ResetBefore, Relu>,
        denoise_output: Linear<_, 22>,
        gains: Sigmoid,
    }
}

/// The layers of a file, one after another.
struct Layers<'a>(&'a [u8]);

impl Layers<'_> {
    /// Takes the header of a layer: its numbers of inputs and neurons, and its activation.
    fn expect(&mut self, inputs: usize, neurons: usize) {
        let header = self.0.split_off(..3).expect("a header");
        let sizes = [usize::from(header[0]), usize::from(header[1])];
        assert_eq!(sizes, [inputs, neurons]);
    }

    fn vector(&mut self, to: &mut [f32]) {
        let bytes = self.0.split_off(..to.len()).expect("weights");
        for (to, &byte) in to.iter_mut().zip(bytes) {
            *to = f32::from(byte as i8) / 256.0;
        }
    }

    fn dense<const I: usize, const O: usize>(
        &mut self,
        weight: &mut [[f32; O]; I],
        bias: &mut [f32; O],
    ) {
        self.expect(I, O);
        self.vector(weight.as_flattened_mut());
        self.vector(bias);
    }

    /// Takes a GRU, whose gates are z, r and the candidate: here `r` comes first. There is one bias.
    fn gru<const I: usize, const H: usize, const G: usize>(
        &mut self,
        to: &mut RecurrentWeights<I, H, G, f32>,
    ) {
        self.expect(I, H);
        self.vector(to.weight_ih.as_flattened_mut());
        self.vector(to.weight_hh.as_flattened_mut());
        self.vector(&mut to.bias_ih);

        let biases = core::iter::once(&mut to.bias_ih);
        for row in to
            .weight_ih
            .iter_mut()
            .chain(&mut to.weight_hh)
            .chain(biases)
        {
            let (z, rest) = row.split_at_mut(H);
            z.swap_with_slice(&mut rest[..H]);
        }
    }
}

fn weights(file: &[u8]) -> Box<RnNoise> {
    let mut net = RnNoise::zeros();
    let mut layers = Layers(file);
    layers.dense(&mut net.input_dense.weight, &mut net.input_dense.bias);
    layers.gru(&mut net.vad_gru.first[0]);
    layers.gru(&mut net.noise_gru.first[0]);
    layers.gru(&mut net.denoise_gru.first[0]);
    layers.dense(&mut net.denoise_output.weight, &mut net.denoise_output.bias);
    layers.dense(&mut net.vad_output.weight, &mut net.vad_output.bias);
    assert!(layers.0.is_empty());
    net
}

/// The features of all frames, and what the program made of them.
#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct Reference<T: Element> {
    features: [[T; 42]; FRAMES],
    gains: [[T; 22]; FRAMES],
    vad: [T; FRAMES],
}

fn file(name: &str) -> Option<PathBuf> {
    shared_file("rnnoise", name)
}

#[test]
fn gains_are_those_of_rnnoise() {
    let (Some(network), Some(reference)) = (file("weights.rnn"), file("reference.safetensors"))
    else {
        return;
    };
    let net = weights(&std::fs::read(network).expect("weights"));
    let reference: Box<Reference<f32>> = Loader::open(reference)
        .expect("the reference")
        .only(|name| !name.ends_with("_f64"))
        .load()
        .expect("the tensors of the reference");

    let _tier = settings();
    let mut stream = RnNoise::stream_boxed();
    let mut given = Vec::new();
    let mut far: f32 = 0.0;
    for frame in 0..FRAMES {
        let y = stream.step(&net, &Tensor1::from(reference.features[frame]));
        let (gains, vad) = y.parts();
        for (found, expected) in gains.iter().zip(&reference.gains[frame]) {
            far = far.max((found - expected).abs());
        }
        far = far.max((vad[0] - reference.vad[frame]).abs());
        given.push((*gains, *vad));
    }
    println!("off by {far:e}");
    assert!(far <= 1e-5, "off by {far}");

    // Blocks have the bits of steps.
    stream.reset();
    let (blocks, _) = reference.features.as_chunks::<BLOCK>();
    for (x, expected) in blocks.iter().zip(given.chunks(BLOCK)) {
        let mut y = Tensor::zeros();
        stream.block(&net, &Tensor2::from(*x), &mut y);
        let (gains, vad) = y.parts();
        let expected_gains: Vec<f32> = expected
            .iter()
            .flat_map(|(gains, _)| gains.as_slice().to_vec())
            .collect();
        let expected_vad: Vec<f32> = expected.iter().map(|(_, vad)| vad[0]).collect();
        assert_eq!(bits(gains.as_slice()), bits(&expected_gains));
        assert_eq!(bits(vad.as_slice()), bits(&expected_vad));
    }
}
