//! Trains a generator against a discriminator (Goodfellow et al., 2014, "Generative Adversarial
//! Nets"): points on a ring of eight blobs. No batch is copied between the two networks, and the
//! generator's step does not compute the gradient of the discriminator's weights.
//!
//! ```sh
//! cargo run --release --example gan
//! ```

use core::f32::consts::TAU;

use shapewright::prelude::*;

const BATCH: usize = 256;
const STEPS: usize = 6000;
const NOISE: usize = 8;

network! {
    /// Makes points of noise.
    struct Generator: [NOISE] -> [2] {
        Linear<_, 64>, Relu, Linear<_, 64>, Relu, Linear<_, 2>,
    }
}

network! {
    /// Returns the logit of a point to be real.
    struct Discriminator: [2] -> [1] {
        Linear<_, 64>, LeakyRelu(0.2), Linear<_, 64>, LeakyRelu(0.2), Linear<_, 1>,
    }
}

/// Returns points of the data: each near one of eight places on a circle.
fn real(rng: &mut impl rand::Rng) -> Vec<Tensor1<2>> {
    let noise: Vec<Tensor1<2>> = (0..BATCH).map(|_| Tensor::normal(0.0, 0.05, rng)).collect();
    let point = |(i, noise): (usize, &Tensor1<2>)| {
        let angle = TAU * (i % 8) as f32 / 8.0;
        Tensor1::from([angle.cos() + noise[0], angle.sin() + noise[1]])
    };
    noise.iter().enumerate().map(point).collect()
}

fn main() {
    let mut rng = shapewright::rng(0);
    let mut generator = Generator::init(&mut rng);
    let mut discriminator = Discriminator::init(&mut rng);
    let mut generator_adam = Adam::new(1e-3).betas(0.5, 0.999).state::<Generator>();
    let mut discriminator_adam = Adam::new(1e-3).betas(0.5, 0.999).state::<Discriminator>();

    let mut makes = Generator::workspace();
    let mut judges = Discriminator::workspace();
    let mut generator_gradient = Generator::zeros();
    let mut discriminator_gradient = Discriminator::zeros();
    let yes = vec![Tensor1::ones(); BATCH];
    let no = vec![Tensor1::zeros(); BATCH];

    for step in 1..=STEPS {
        let noise: Vec<_> = (0..BATCH)
            .map(|_| Tensor::normal(0.0, 1.0, &mut rng))
            .collect();
        let mut made = generator.forward_train(&noise, &mut makes);

        // The discriminator learns to tell real points from made ones.
        let points = real(&mut rng);
        let mut pass = discriminator.forward_train(&points, &mut judges);
        let mut loss = pass.loss(&BceWithLogits, &yes);
        pass.backward(&mut discriminator_gradient);
        let mut pass = discriminator.forward_train(made.outputs(), &mut judges);
        loss += pass.loss(&BceWithLogits, &no);
        pass.backward_accumulate(&mut discriminator_gradient);
        discriminator_adam.step(&mut discriminator, &discriminator_gradient);

        // The generator learns to be taken for real: the discriminator's gradient with respect to
        // its inputs is written to where that of the generator's outputs belongs.
        let (fakes, gradients) = made.outputs_and_gradients_mut();
        let mut pass = discriminator.forward_train(fakes, &mut judges);
        let taken_for_real = pass.loss(&BceWithLogits, &yes);
        pass.input_gradients_into(gradients);
        made.backward(&mut generator_gradient);
        generator_adam.step(&mut generator, &generator_gradient);

        if step % 1000 == 0 {
            println!("step {step}: discriminator {loss:.3}, generator {taken_for_real:.3}");
        }
    }

    let noise: Vec<_> = (0..1000)
        .map(|_| Tensor::normal(0.0, 1.0, &mut rng))
        .collect();
    let made = generator.predict(&noise);
    let near = made
        .iter()
        .filter(|x| (x[0].hypot(x[1]) - 1.0).abs() < 0.2)
        .count();
    let blob = |x: &Tensor1<2>| (x[1].atan2(x[0]) / TAU * 8.0 + 8.5) as usize % 8;
    let reached = (0..8)
        .filter(|&i| made.iter().any(|x| blob(x) == i))
        .count();
    println!("{near} of 1000 points lie on the ring, and they reach {reached} of 8 blobs");
    assert!(near > 700, "the generator has not learned the ring");
}
