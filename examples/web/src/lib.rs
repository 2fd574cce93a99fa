//! Two networks for a page: one reads a digit, the other one writes a story. The functions are those
//! that `page.js` calls; it reads and writes the memory that they point to.

use std::cell::RefCell;

use shapewright::generate::{Sampler, Sampling};
use shapewright::include_weights;
use shapewright::Stream;
use shapewright::prelude::*;

#[allow(dead_code)]
#[path = "../../story/model.rs"]
mod model;

use model::{END, LENGTH, Pieces, Stories, TOKENS};

network! {
    /// The network of `examples/lenet.rs`, which trains it and writes its weights.
    struct LeNet: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 6, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc1: Linear<_, 120>,
        Relu,
        fc2: Linear<_, 84>,
        Relu,
        head: Linear<_, 10>,
    }
}

static LENET: &LeNet = include_weights!("../../microcontroller/lenet.safetensors" as LeNet);

/// The mean and the standard deviation of the pixels that the network was trained with.
const MEAN: f32 = 0.130_660_5;
const DEVIATION: f32 = 0.308_107_8;

const WEIGHTS: &[u8] = include_bytes!("../../data/stories260k/stories260K.bin");
const VOCABULARY: &[u8] = include_bytes!("../../data/stories260k/tok512.bin");

/// The largest number of bytes of a prompt, and of a piece of the story.
const TEXT: usize = 256;

/// The memory that the page and the networks share.
struct Page {
    image: Box<Tensor3<28, 28, 1>>,
    probabilities: Tensor1<10>,
    text: [u8; TEXT],
    story: Option<Story>,
}

/// A story that is being written.
struct Story {
    net: Box<Stories>,
    pieces: Pieces,
    sampler: Sampler<TOKENS>,
    stream: Box<Stream<Stories>>,
    logits: Box<Tensor1<TOKENS>>,
    /// The tokens so far, and how many of them the network has read.
    tokens: Vec<usize>,
    read: usize,
}

impl Story {
    /// Begins with a prompt. Without a seed, each token is the most likely.
    fn begin(prompt: &str, seed: Option<u64>) -> Result<Self, String> {
        let settings = match seed {
            None => Sampling::greedy(),
            Some(seed) => Sampling::new().temperature(0.8).top_p(0.9).seed(seed),
        };
        let pieces = Pieces::new(VOCABULARY)?;
        Ok(Story {
            net: model::weights(WEIGHTS)?,
            tokens: pieces.encode(prompt),
            pieces,
            sampler: settings.sampler().map_err(|error| error.to_string())?,
            stream: Stories::stream_boxed(),
            logits: Tensor::zeros_boxed(),
            read: 0,
        })
    }

    /// Returns the next piece, which is of the prompt at first; nothing at the end.
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.read + 1 == LENGTH {
            return None;
        }
        let token = self.tokens[self.read];
        let input = Tensor0::from(token as f32);
        self.stream.step_into(&self.net, &input, &mut self.logits);
        self.read += 1;

        if self.read == self.tokens.len() {
            let next = self.sampler.next(&self.logits, &[]).ok()?;
            self.tokens.push(next.index());
        }
        let next = self.tokens[self.read];
        (next != END).then(|| self.pieces.text(token, next))
    }
}

thread_local! {
    static PAGE: RefCell<Page> = RefCell::new(Page {
        image: Tensor::zeros_boxed(),
        probabilities: Tensor1::zeros(),
        text: [0; TEXT],
        story: None,
    });
}

fn with_page<R>(f: impl FnOnce(&mut Page) -> R) -> R {
    PAGE.with(|page| f(&mut page.borrow_mut()))
}

/// Returns where the page writes an image: 28 rows of 28 numbers from 0 (black) to 1 (white).
#[unsafe(no_mangle)]
pub extern "C" fn digit_pixels() -> *mut f32 {
    with_page(|page| page.image.as_mut_slice().as_mut_ptr())
}

/// Classifies the image, and returns where its ten probabilities are.
#[unsafe(no_mangle)]
pub extern "C" fn digit_classify() -> *const f32 {
    with_page(|page| {
        let mut image = *page.image;
        image.iter_mut().for_each(|x| *x = (*x - MEAN) / DEVIATION);
        page.probabilities = LENET.forward(&image).softmax();
        page.probabilities.as_slice().as_ptr()
    })
}

/// Returns where the page writes a prompt, and finds the pieces of a story.
#[unsafe(no_mangle)]
pub extern "C" fn story_text() -> *mut u8 {
    with_page(|page| page.text.as_mut_ptr())
}

/// Begins a story with a prompt of `len` bytes in UTF-8. A negative seed takes the most likely tokens.
/// Returns 1, or 0 if the prompt is none.
#[unsafe(no_mangle)]
pub extern "C" fn story_begin(len: usize, seed: f64) -> u32 {
    with_page(|page| {
        let prompt = page
            .text
            .get(..len)
            .and_then(|text| str::from_utf8(text).ok());
        let seed = (seed >= 0.0).then_some(seed as u64);
        page.story = prompt.and_then(|prompt| Story::begin(prompt, seed).ok());
        u32::from(page.story.is_some())
    })
}

/// Writes the next piece of the story, and returns its number of bytes; 0 at the end.
#[unsafe(no_mangle)]
pub extern "C" fn story_next() -> usize {
    with_page(|page| {
        let Some(piece) = page.story.as_mut().and_then(Story::next) else {
            return 0;
        };
        let len = piece.len().min(TEXT);
        page.text[..len].copy_from_slice(&piece[..len]);
        len
    })
}
