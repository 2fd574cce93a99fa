//! The smallest training loop, in full: a network of two layers learns exclusive or.
//!
//! ```sh
//! cargo run --release --example xor
//! ```

use shapewright::prelude::*;

network! {
    /// Maps two bits to one.
    struct Xor: [2] -> [1] {
        hidden: Linear<_, 8>,
        Tanh,
        out: Linear<_, 1>,
    }
}

fn main() {
    let inputs = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]].map(Tensor1::from);
    let targets = [[0.0], [1.0], [1.0], [0.0]].map(Tensor1::from);

    let mut net = Xor::init(&mut shapewright::rng(0));
    let mut gradient = Xor::zeros();
    let mut workspace = Xor::workspace();
    let mut adam = Adam::new(0.05).state::<Xor>();

    for step in 1..=200 {
        let mut pass = net.forward_train(&inputs, &mut workspace);
        let loss = pass.loss(&BceWithLogits, &targets);
        pass.backward(&mut gradient);
        adam.step(&mut net, &gradient);
        if step % 40 == 0 {
            println!("step {step:>3}: loss {loss:.5}");
        }
    }

    for (input, target) in inputs.iter().zip(&targets) {
        let logit = net.forward(input)[0];
        let answer = if logit > 0.0 { 1.0 } else { 0.0 };
        println!("{} xor {} = {answer}", input[0], input[1]);
        assert_eq!(
            answer, target[0],
            "the network has not learned exclusive or"
        );
    }
}
