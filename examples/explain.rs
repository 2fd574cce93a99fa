//! Draws what a network has looked at: the pixels of a digit, the words of a review, and the words
//! that an attention layer has read together.
//!
//! ```sh
//! cargo run --release --features plots --example explain
//! ```
//!
//! It writes to `target/explain`:
//! - `digits.png`: digits, and below each the integrated gradients of the class that the network
//!   reads, from the empty image: red pixels speak for it, blue ones against it;
//! - `words.png`: the words of a review by their gradient times embedding: red ones speak for
//!   "good", blue ones for "bad";
//! - `attention.png`: for each head of the attention layer, how much each word of that review (a row)
//!   has looked at each other word (a column).

use std::error::Error;
use std::path::Path;

use shapewright::data::text::{Vocabulary, VocabularyBuilder};
use shapewright::data::{gather, stratified_split};
use shapewright::explain::{Explainer, IntegratedGradients, attention_maps};
use shapewright::plots::{Caption, ImageGrid};
use shapewright::prelude::*;

#[path = "data/digits.rs"]
mod digits;

network! {
    struct Digits: [8, 8, 1] -> [10] {
        Conv2d<_, 16, 3, Pad<1>>,
        Relu,
        MaxPool2d<2>,
        Conv2d<_, 32, 3, Pad<1>>,
        Relu,
        Flatten,
        Linear<_, 10>,
    }
}

const WORDS: usize = 2000;
const LENGTH: usize = 24;
const HEADS: usize = 2;

network! {
    /// Words, and a mask that is 1 where there is one, to the logits of "bad" and "good".
    struct Review: (words: [LENGTH], mask: [LENGTH]) -> [2] {
        embed: Embedding<WORDS, 32, PaddingIdx<0>> <- words,
        attention: MultiHeadAttention<_, HEADS, KeyPaddingMask> <- (embed, mask),
        sum: Add <- (embed, attention),
        MeanOverTime <- (sum, mask),
        Dropout(0.3),
        head: Linear<_, 2>,
    }
}

type Words = Tensor<<Review as Network>::Input>;

const REVIEW: &str = "not bad at all, this sauce has a great flavor";
/// The index of the logit of "good".
const GOOD: usize = 1;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new("target/explain");
    std::fs::create_dir_all(folder)?;
    explain_digits(folder)?;
    explain_review(folder)?;
    println!("the pictures are in {}", folder.display());
    Ok(())
}

fn explain_digits(folder: &Path) -> Result<(), Box<dyn Error>> {
    let mut rng = shapewright::rng(0);
    let (images, labels) = digits::read()?;
    let [train, test] = stratified_split(&labels, [0.8, 0.2], &mut rng)?;
    let mut net = Digits::init(&mut rng);
    Digits::trainer(Adam::new(2e-3), CrossEntropy)
        .epochs(15)
        .fit(&mut net, &gather(&images, &train), &gather(&labels, &train))?;

    let shown = gather(&images, &test[..10]);
    let mut grid = ImageGrid::new().columns(10).scale(12);
    for image in &shown {
        grid.add(image, net.forward(image).argmax().to_string());
    }

    let mut explainer = Explainer::new(&*net);
    let settings = IntegratedGradients::new().steps(100);
    let mut worst = 0.0_f64;
    for image in &shown {
        let class = net.forward(image).argmax();
        let shares = explainer.integrated_gradients(image, class, &settings);
        let largest = shares
            .values
            .iter()
            .fold(1e-12_f32, |most, x| most.max(x.abs()));
        let heat = Tensor3::<8, 8, 3>::from_fn(|[y, x, channel]| {
            red_or_blue(shares.values[[y, x, 0]] / largest)[channel]
        });
        grid.add(&heat, format!("{:+.1}", shares.difference));
        worst = worst.max(shares.error.abs());
    }
    grid.save(folder.join("digits.png"))?;
    println!("digits: the shares add up to the scores within {worst:.4}");
    Ok(())
}

fn explain_review(folder: &Path) -> Result<(), Box<dyn Error>> {
    let (texts, labels) = reviews()?;
    let vocabulary = VocabularyBuilder::words()
        .lowercase()
        .padding()
        .unknown()
        .build(&texts)?;
    let x: Vec<Words> = texts
        .iter()
        .map(|text| encode(&vocabulary, text))
        .collect::<Result<_, _>>()?;
    let mut net = Review::init(&mut shapewright::rng(0));
    Review::trainer(AdamW::new(3e-3), CrossEntropy)
        .epochs(12)
        .fit(&mut net, &x, &labels)?;

    let x = encode(&vocabulary, REVIEW)?;
    let count = x.parts().1.iter().filter(|&&is_word| is_word > 0.0).count();
    let words: Vec<String> = vocabulary
        .encode(REVIEW)?
        .iter()
        .map(|&index| vocabulary.decode(&[index]))
        .collect();
    let good = net.probabilities(&[x])[0][GOOD];
    println!("\"{REVIEW}\": {:.0} % good", 100.0 * good);

    let mut explainer = Explainer::new(&*net);
    let saliency = explainer.token_saliency(&x, GOOD, layer!(Review, embed));
    let largest = saliency
        .iter()
        .map(|token| token.gradient_times_input.abs())
        .fold(1e-12, f64::max);
    let mut row = ImageGrid::new().columns(count).scale(60);
    for (word, token) in words.iter().zip(&saliency) {
        let share = token.gradient_times_input / largest;
        println!("{share:+.2} {word}");
        row.add_slice(&red_or_blue(share as f32), [1, 1, 3], word.as_str())?;
    }
    row.save(folder.join("words.png"))?;

    let (_, maps) = attention_maps(|| net.forward(&x));
    let mut grid = ImageGrid::new().columns(HEADS).scale(24).range_of_each();
    for head in 0..HEADS {
        let rows = (0..count).flat_map(|query| &maps[0].row(head, query)[..count]);
        let weights: Vec<f32> = rows.map(|&weight| weight as f32).collect();
        let caption = Caption::from(format!("head {head}"));
        grid.add_slice(&weights, [count, count, 1], caption)?;
    }
    grid.save(folder.join("attention.png"))?;
    Ok(())
}

/// Returns white for 0, red for 1 and blue for -1.
fn red_or_blue(share: f32) -> [f32; 3] {
    let pale = 1.0 - share.abs().min(1.0);
    if share > 0.0 {
        [1.0, pale, pale]
    } else {
        [pale, pale, 1.0]
    }
}

/// Returns the words of a text and their mask, as the network reads them.
fn encode(vocabulary: &Vocabulary<WORDS>, text: &str) -> Result<Words, Box<dyn Error>> {
    let words = vocabulary.encode_padded::<LENGTH>(text)?;
    let mask = words.map(|word| if word.index() == 0 { 0.0 } else { 1.0 });
    let words = Tensor1::from_indices(&words)?;
    Ok(Tensor::from((words, Tensor1::from(mask))))
}

/// Returns short reviews of food, and whether they praise.
fn reviews() -> Result<(Vec<String>, Vec<Label<2>>), Box<dyn Error>> {
    let mut texts = Vec::new();
    let mut labels = Vec::new();
    for line in include_str!("data/reviews.tsv").lines() {
        let (text, label) = line.rsplit_once('\t').ok_or("a line without a tab")?;
        texts.push(text.to_owned());
        labels.push(Label::new(label.parse()?)?);
    }
    Ok((texts, labels))
}
