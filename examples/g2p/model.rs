//! The networks of g2p-en: letters to phonemes, and their weights in NumPy's format.

use std::error::Error;
use std::io::{Read, Seek};
use std::path::Path;

use shapewright::data::npy::Npz;
use shapewright::nn::RecurrentWeights;
use shapewright::prelude::*;
use shapewright::tensor::{Rank1, Rank2};

const LETTERS: usize = 29;
const PHONEMES: usize = 74;
const STATE: usize = 256;
/// All gates of a recurrent layer.
const GATES: usize = 3 * STATE;

/// The letters that are no character from a to z, and the end of a word; `a` is the one behind it.
const UNKNOWN_LETTER: usize = 1;
const END_OF_WORD: usize = 2;
/// The phonemes at the beginning and at the end of a word.
const BEGIN: usize = 2;
const END: usize = 3;
/// The largest number of phonemes of a word.
const LONGEST: usize = 20;

/// The names of the phonemes, in the notation of CMUdict: 0 to 2 is the stress of a vowel.
const NAMES: &str = "<pad> <unk> <s> </s> AA0 AA1 AA2 AE0 AE1 AE2 AH0 AH1 AH2 AO0 AO1 AO2 AW0 AW1 \
    AW2 AY0 AY1 AY2 B CH D DH EH0 EH1 EH2 ER0 ER1 ER2 EY0 EY1 EY2 F G HH IH0 IH1 IH2 IY0 IY1 IY2 JH \
    K L M N NG OW0 OW1 OW2 OY0 OY1 OY2 P R S SH T TH UH0 UH1 UH2 UW UW0 UW1 UW2 V W Y Z ZH";

network! {
    /// Letters, one after another, to states. The last of them stands for the word.
    #[stream]
    struct Encoder: [1] -> [1, STATE] { embedding: Embedding<LETTERS, STATE>, gru: Gru<_, STATE> }
}

network! {
    /// The phoneme before and the state at it, to the logits of the next phoneme and its state.
    struct Decoder: (phoneme: [1], state: [STATE]) -> (logits: [1, PHONEMES], next: [STATE]) {
        embedding: Embedding<PHONEMES, STATE> <- phoneme,
        gru: Gru<_, STATE, InitialState, FinalState> <- (embedding, state),
        SelectPart<0>,
        logits: Linear<_, PHONEMES>,
        next: SelectPart<1> <- gru,
    }
}

/// A converter of written words to phonemes.
pub struct G2p {
    encoder: Box<Encoder>,
    decoder: Box<Decoder>,
    stream: Box<Stream<Encoder>>,
    names: Vec<&'static str>,
}

/// The phonemes of a word.
pub struct Spoken {
    /// The numbers of the phonemes.
    pub phonemes: Vec<usize>,
    /// The logits of each phoneme and of the end.
    pub logits: Vec<Tensor1<PHONEMES>>,
}

impl G2p {
    /// Reads the weights of a file of the package.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or if it has other arrays.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Box<dyn Error>> {
        let mut file = Npz::open(path)?;
        let mut encoder = Encoder::zeros();
        let mut decoder = Decoder::zeros();

        let letters = file.read::<Rank2<LETTERS, STATE>, f32>("enc_emb")?;
        encoder.embedding.weight = *letters.as_array();
        recurrent(&mut file, "enc", &mut encoder.gru.first[0])?;

        let phonemes = file.read::<Rank2<PHONEMES, STATE>, f32>("dec_emb")?;
        decoder.embedding.weight = *phonemes.as_array();
        recurrent(&mut file, "dec", &mut decoder.gru.first[0])?;

        let weight = file.read::<Rank2<PHONEMES, STATE>, f32>("fc_w")?;
        transpose(weight.as_array(), &mut decoder.logits.weight);
        decoder.logits.bias = *file.read::<Rank1<PHONEMES>, f32>("fc_b")?.as_array();

        Ok(G2p {
            encoder,
            decoder,
            stream: Encoder::stream_boxed(),
            names: NAMES.split_whitespace().collect(),
        })
    }

    /// Returns the phonemes of a word, which need not be in any dictionary.
    pub fn phonemes(&mut self, word: &str) -> Vec<&'static str> {
        let numbers = self.speak(word).phonemes;
        numbers
            .into_iter()
            .map(|number| self.names[number])
            .collect()
    }

    /// Returns the state of the encoder behind the last letter of a word.
    pub fn state(&mut self, word: &str) -> Tensor1<STATE> {
        let letter = |c: char| match c.to_ascii_lowercase() {
            c @ 'a'..='z' => c as usize - 'a' as usize + END_OF_WORD + 1,
            _ => UNKNOWN_LETTER,
        };
        let letters = word.chars().map(letter).chain([END_OF_WORD]);

        self.stream.reset();
        let mut state = Tensor1::zeros();
        for letter in letters {
            let x = Tensor0::from(letter as f32);
            self.stream.step_into(&self.encoder, &x, &mut state);
        }
        state
    }

    /// Computes the phonemes of a word, each the most likely one behind those before it.
    pub fn speak(&mut self, word: &str) -> Spoken {
        let mut state = self.state(word);
        let mut spoken = Spoken {
            phonemes: Vec::new(),
            logits: Vec::new(),
        };
        let mut phoneme = BEGIN;
        for _ in 0..LONGEST {
            let x = Tensor::from((Tensor1::from([phoneme as f32]), state));
            let y = self.decoder.forward(&x);
            let (logits, next) = y.parts();
            state = *next;

            let logits = Tensor1::from(logits.as_array()[0]);
            phoneme = logits.argmax();
            spoken.logits.push(logits);
            if phoneme == END {
                break;
            }
            spoken.phonemes.push(phoneme);
        }
        spoken
    }
}

/// Reads the weights of a recurrent layer, whose names begin with those of the network.
fn recurrent<R: Read + Seek>(
    file: &mut Npz<R>,
    network: &str,
    to: &mut RecurrentWeights<STATE, STATE, GATES, f32>,
) -> Result<(), Box<dyn Error>> {
    let weight = file.read::<Rank2<GATES, STATE>, f32>(&format!("{network}_w_ih"))?;
    transpose(weight.as_array(), &mut to.weight_ih);
    let weight = file.read::<Rank2<GATES, STATE>, f32>(&format!("{network}_w_hh"))?;
    transpose(weight.as_array(), &mut to.weight_hh);

    to.bias_ih = *file
        .read::<Rank1<GATES>, f32>(&format!("{network}_b_ih"))?
        .as_array();
    to.bias_hh = *file
        .read::<Rank1<GATES>, f32>(&format!("{network}_b_hh"))?
        .as_array();
    Ok(())
}

/// Copies a matrix with a row for each output to one with a row for each input.
fn transpose<const INPUTS: usize, const OUTPUTS: usize>(
    from: &[[f32; INPUTS]; OUTPUTS],
    to: &mut [[f32; OUTPUTS]; INPUTS],
) {
    for (output, row) in from.iter().enumerate() {
        for (to, &number) in to.iter_mut().zip(row) {
            to[output] = number;
        }
    }
}
