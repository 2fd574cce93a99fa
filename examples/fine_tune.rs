//! Fine-tunes a network: trains one on the digits 0 to 4 and saves it, loads its body into a
//! network with a new head, and trains the head on a few images of each of the digits 5 to 9, with
//! the body frozen. Compares it with the same network with a trained body, and with one that is
//! trained from scratch on the same images, in the same number of steps.
//!
//! The digits are anywhere in a frame that is larger than they are. Few images can't teach that the
//! position does not matter, but the body has learned it from many. (If all digits are centred, a
//! few images teach more than the body of another task, and nothing is gained.)
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

/// The height and width of the frame; those of the digits are 8.
const FRAME: usize = 12;
const PIXELS: usize = FRAME * FRAME;
type Image = Tensor1<PIXELS>;

network! {
    /// Maps pixels to features.
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
/// The numbers of training images of each of the new digits.
const SHOTS: [usize; 3] = [2, 5, 20];
const STEPS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let (digits, labels) = digits::read()?;
    let places: Vec<_> = (0..=FRAME - 8)
        .flat_map(|row| (0..=FRAME - 8).map(move |column| (row, column)))
        .collect();

    // The digits 0 to 4 are at all places. Each of 5 to 9, as one of five new classes, is at one
    // random place.
    let mut low = Digits::default();
    let mut high = Digits::default();
    let mut rng = shapewright::rng(0);
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
    let mut accuracies = [[0.0; 3]; SHOTS.len()];
    for seed in 0..SEEDS {
        let mut rng = shapewright::rng(seed);
        let mut net = Low::init(&mut rng);
        Low::trainer(Adam::new(1e-3), CrossEntropy)
            .epochs(2)
            .seed(seed)
            .fit(&mut net, &low.x, &low.y)?;
        net.save(&path)?;

        for (shots, accuracies) in SHOTS.into_iter().zip(&mut accuracies) {
            let (train, test) = high.few(shots, &mut rng);
            let fresh = High::init(&mut rng);
            let mut loaded = fresh.to_boxed();
            // Omits the old head, which is in the file; the new head keeps its initial values.
            loaded.load_from(&Loader::open(&path)?.only(|name| name.starts_with("body.")))?;

            let nets = [(fresh, false), (loaded.to_boxed(), true), (loaded, false)];
            for ((mut net, frozen), accuracy) in nets.into_iter().zip(accuracies) {
                fit(&mut net, &train, frozen);
                *accuracy += net.evaluate(&test.x, &test.y)?.accuracy()? / SEEDS as f64;
            }
        }
    }
    std::fs::remove_file(path)?;

    println!(
        "accuracy on 5 to 9, of those not trained on; mean of {SEEDS} seeds, {STEPS} steps each"
    );
    println!(
        "images of each digit   from scratch   body loaded and frozen   body loaded and trained"
    );
    for (shots, accuracies) in SHOTS.iter().zip(accuracies) {
        let [scratch, frozen, trained] = accuracies.map(|accuracy| 100.0 * accuracy);
        println!("{shots:>20} {scratch:>12.2} % {frozen:>22.2} % {trained:>23.2} %");
    }
    Ok(())
}

/// Returns a frame with a digit whose upper left corner is at a place.
fn in_frame(digit: &Tensor1<64>, (top, left): (usize, usize)) -> Image {
    let mut image = Image::zeros();
    for row in 0..8 {
        let at = (top + row) * FRAME + left;
        image.as_mut_slice()[at..at + 8].copy_from_slice(&digit.as_slice()[8 * row..][..8]);
    }
    image
}

/// Trains a network, or only its head, on all samples in each step.
fn fit(net: &mut High, train: &Digits, frozen: bool) {
    let mut gradient = High::zeros();
    let mut workspace = High::workspace();
    let mut adam = Adam::new(3e-3).state::<High>();
    if frozen {
        // The backward pass ends at the head, and the optimizer does not change the body.
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
    /// Returns `shots` random images of each digit, and all others.
    fn few(&self, shots: usize, rng: &mut impl rand::Rng) -> (Digits, Digits) {
        let mut few = Digits::default();
        let mut others = Digits::default();
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
