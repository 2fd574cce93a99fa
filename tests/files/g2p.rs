//! Words and their phonemes, by networks that others have trained.
#![cfg(all(feature = "npy", feature = "safetensors"))]

use std::path::PathBuf;

use shapewright::prelude::*;
use shapewright::tensor::Element;
use shapewright::weights::Loader;

use crate::common::shared_file;

#[path = "../../examples/g2p/model.rs"]
mod model;

use model::G2p;

fn file(name: &str) -> Option<PathBuf> {
    shared_file("g2p_en", name)
}

/// The package's own phonemes for all words, string for string.
#[test]
fn words_have_the_phonemes_of_the_package() {
    let (Some(weights), Some(words)) = (file("checkpoint20.npz"), file("words.tsv")) else {
        return;
    };
    let mut g2p = G2p::open(weights).expect("the weights of these networks");
    let words = std::fs::read_to_string(words).expect("words");

    let mut count = 0;
    for line in words.lines() {
        let (word, phonemes) = line.split_once('\t').expect("a word and its phonemes");
        assert_eq!(g2p.phonemes(word).join(" "), phonemes, "{word}");
        count += 1;
    }
    assert_eq!(count, 500);
}

/// What a program in double precision has computed for a word.
#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct Inner<const STEPS: usize, T: Element> {
    encoder_state: [T; 256],
    logits: [[T; 74]; STEPS],
}

fn check<const STEPS: usize>(g2p: &mut G2p, inner: &Loader<'_>, word: &str) {
    let expected: Box<Inner<STEPS, f32>> = inner.part(word).load().expect("the numbers of a word");
    let spoken = g2p.speak(word);
    assert_eq!(spoken.phonemes.len() + 1, STEPS, "{word}");

    let far = |a: &[f32], b: &[f32]| -> f32 {
        let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
        differences.fold(0.0, f32::max)
    };
    assert!(
        far(g2p.state(word).as_slice(), &expected.encoder_state) < 1e-5,
        "{word}"
    );
    for (found, expected) in spoken.logits.iter().zip(&expected.logits) {
        assert!(far(found.as_slice(), expected) < 1e-4, "{word}");
    }
}

#[test]
fn states_and_logits_are_those_of_double_precision() {
    let (Some(weights), Some(inner)) = (file("checkpoint20.npz"), file("inner.safetensors")) else {
        return;
    };
    let mut g2p = G2p::open(weights).expect("the weights of these networks");
    let inner = Loader::open(inner)
        .expect("the numbers on the way")
        .only(|name| !name.ends_with(".phonemes"));
    check::<2>(&mut g2p, &inner, "a");
    check::<4>(&mut g2p, &inner, "it's");
    check::<6>(&mut g2p, &inner, "rhythm");
    check::<7>(&mut g2p, &inner, "shapewright");
}
