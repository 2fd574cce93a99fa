use shapewright::prelude::*;

network! {
    #[derive(Clone, Debug)]
    pub struct Net: [784] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        head: Linear<64, 10>,
    }
}

network! {
    pub struct Outer: [784] -> [10] {
        inner: Net,
        Dropout(0.1),
    }
}

fn step(net: &mut Net, x: &[Tensor1<784>], labels: &[Label<10>]) -> f32 {
    let (mut gradient, mut workspace) = (Net::zeros(), Net::workspace());
    let mut sgd = Sgd::new(0.1).state::<Net>();
    let mut pass = net.forward_train(x, &mut workspace);
    let loss = pass.loss(&CrossEntropy, labels);
    pass.backward(&mut gradient);
    sgd.step(net, &gradient);
    net.head.bias[3] += net.fc1.weight[5][7];
    loss
}

fn main() {
    let mut net = Net::init(&mut shapewright::rng(0)).clone();
    let x = Tensor1::<784>::zeros();
    let y: Tensor1<10> = net.forward(&x);
    println!("{y} {} {}", step(&mut net, &[x], &[]), Net::summary());
    println!("{}", Outer::init(&mut shapewright::rng(0)).forward(&x));
}
