//! Takes over what a network has learned: one is trained on the digits 0 to 4 and saved; its body
//! is loaded into a network with a new head, and frozen, and the head learns 5 to 9 from a few
//! images of each. Compared with a network that learns them from nothing, from the same images in
//! as many steps.
//!
//! The digits lie anywhere in a frame that is larger than they are. That this does not matter is
//! what a few images can't teach, and what the body has learned from many. (Of digits that all lie
//! in the middle, a few images teach more than the body of another task: there, nothing is gained.)
//!
//! ```sh
//! cargo run --release --features safetensors --example fine_tune
//! ```

use std::error::Error;

use rand::seq::IndexedRandom;
use shapewright::prelude::*;
use shapewright::weights::Loader;

#[path = "data/digits.rs"]
mod digits;

/// The side of the frame; the digits have 8.
const FRAME: usize = 12;
const PIXELS: usize = FRAME * FRAME;
type Image = Tensor1<PIXELS>;

network! {
    /// From pixels to what is worth knowing of them.
    struct Body: [PIXELS] -> [128] {
        fc1: Linear<_, 256>,
        Relu,
        Dropout(0.5),
        fc2: Linear<_, 128>,
        Relu,
        Dropout(0.5),
    }
}

network! {
    struct Low: [PIXELS] -> [5] {
        body: Body,
        head: Linear<_, 5>,
    }
}

network! {
    struct High: [PIXELS] -> [5] {
        body: Body,
        new_head: Linear<_, 5>,
    }
}

const SEEDS: u64 = 5;
/// How many images of each of the new digits there are to learn from.
const SHOTS: [usize; 3] = [2, 5, 20];
const STEPS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let (digits, labels) = digits::read()?;
    let places: Vec<_> = (0..=FRAME - 8)
        .flat_map(|row| (0..=FRAME - 8).map(move |column| (row, column)))
        .collect();
    // 0 to 4 at all places; 5 to 9, as five classes of their own, at one place each.
    let (mut low, mut high, mut rng) = (Digits::default(), Digits::default(), shapewright::rng(0));
    for (digit, label) in digits.iter().zip(&labels) {
        let (part, class, places) = match label.index() {
            class @ 0..5 => (&mut low, class, &places[..]),
            class => (
                &mut high,
                class - 5,
                places
                    .choose(&mut rng)
                    .map_or(&[][..], std::slice::from_ref),
            ),
        };
        for &place in places {
            part.x.push(in_frame(digit, place));
            part.y.push(Label::new(class)?);
        }
    }
    let path = std::env::temp_dir().join(format!(
        "shapewright-digits-{}.safetensors",
        std::process::id()
    ));
    let mut right = [[0.0; 3]; SHOTS.len()];
    for seed in 0..SEEDS {
        let mut rng = shapewright::rng(seed);
        let mut net = Low::init(&mut rng);
        Low::trainer(Adam::new(1e-3), CrossEntropy)
            .epochs(2)
            .seed(seed)
            .fit(&mut net, &low.x, &low.y)?;
        net.save(&path)?;

        for (shots, right) in SHOTS.into_iter().zip(&mut right) {
            let (train, test) = high.few(shots, &mut rng);
            let nothing = High::init(&mut rng);
            let mut loaded = nothing.to_boxed();
            // What else is in the file, the old head, is left out; the new head stays as it was
            // made.
            loaded.load_from(&Loader::open(&path)?.only(|name| name.starts_with("body.")))?;
            let nets = [(nothing, false), (loaded.to_boxed(), true), (loaded, false)];
            for ((mut net, frozen), right) in nets.into_iter().zip(right) {
                fit(&mut net, &train, frozen);
                *right += net.evaluate(&test.x, &test.y)?.accuracy()? / SEEDS as f64;
            }
        }
    }
    std::fs::remove_file(path)?;
    println!(
        "accuracy on 5 to 9, of those not trained on; mean of {SEEDS} seeds, {STEPS} steps each"
    );
    println!(
        "images of each digit   from nothing   body loaded and frozen   body loaded and trained"
    );
    for (shots, right) in SHOTS.iter().zip(right) {
        let [nothing, frozen, trained] = right.map(|right| 100.0 * right);
        println!("{shots:>20} {nothing:>12.2} % {frozen:>22.2} % {trained:>23.2} %");
    }
    Ok(())
}

/// A digit whose upper left corner is at a place of the frame.
fn in_frame(digit: &Tensor1<64>, (top, left): (usize, usize)) -> Image {
    let mut image = Image::zeros();
    for row in 0..8 {
        let at = (top + row) * FRAME + left;
        image.as_mut_slice()[at..at + 8].copy_from_slice(&digit.as_slice()[8 * row..][..8]);
    }
    image
}

/// Trains a network, or its head alone, on all samples in each step.
fn fit(net: &mut High, train: &Digits, frozen: bool) {
    let (mut gradient, mut workspace) = (High::zeros(), High::workspace());
    let mut adam = Adam::new(3e-3).state::<High>();
    if frozen {
        // Backward ends at the head, and the optimizer leaves the body alone.
        workspace.train_from(layer!(High, new_head));
        adam = adam.freeze(layer!(High, body));
    }
    for _ in 0..STEPS {
        let mut pass = net.forward_train(&train.x, &mut workspace);
        pass.loss(&CrossEntropy, &train.y);
        pass.backward(&mut gradient);
        adam.step(net, &gradient);
    }
}

/// Images of five digits.
#[derive(Default)]
struct Digits {
    x: Vec<Image>,
    y: Vec<Label<5>>,
}

impl Digits {
    /// So many of each digit, at random, and all others.
    fn few(&self, shots: usize, rng: &mut impl rand::Rng) -> (Digits, Digits) {
        let (mut few, mut others) = (Digits::default(), Digits::default());
        let mut taken = [0; 5];
        for i in rand::seq::index::sample(rng, self.x.len(), self.x.len()) {
            let taken = &mut taken[self.y[i].index()];
            *taken += 1;
            let part = if *taken > shots {
                &mut others
            } else {
                &mut few
            };
            part.x.push(self.x[i]);
            part.y.push(self.y[i]);
        }
        (few, others)
    }
}
