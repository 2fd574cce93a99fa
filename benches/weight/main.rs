//! A user's program with the `mlp` network, which trains for a while on random data.

use shapewright::prelude::*;

network! {
    struct Mlp: [784] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        fc2: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

fn main() {
    let mut rng = shapewright::rng(1);
    let mut net = Mlp::init(&mut rng);
    let x: Vec<Tensor1<784>> = (0..64)
        .map(|_| Tensor::random(rand::distr::StandardUniform, &mut rng))
        .collect();
    let labels: Vec<Label<10>> = (0..64).map(|i| Label::new(i % 10).unwrap()).collect();

    let mut gradient = Mlp::zeros();
    let mut workspace = Mlp::workspace();
    let mut sgd = Sgd::new(0.01).momentum(0.9).state::<Mlp>();
    for _ in 0..100 {
        let mut pass = net.forward_train(&x, &mut workspace);
        let loss = pass.loss(&CrossEntropy, &labels);
        pass.backward(&mut gradient);
        sgd.step(&mut net, &gradient);
        println!("loss {loss}");
    }

    println!("class {}", net.forward(&x[0]).argmax());
}
