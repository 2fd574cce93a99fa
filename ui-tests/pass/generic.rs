//! Networks as type parameters: code that works for each, in a context full of traits.
#![deny(warnings)]

use std::collections::HashMap;
use std::fmt::Debug;

use shapewright::prelude::*;
use shapewright::{optim::OptimizerState, tensor::{Element, Rank1}};

network! { #[derive(Clone, Debug, PartialEq)] struct Small: [3] -> [2] { Linear<_, 4>, Tanh, Linear<_, 2> } }
network! { #[derive(Clone, Debug, PartialEq)] struct Exact: [3] -> [2] as f64 { Linear<_, 2> } }

/// A network with what training it needs.
struct Trainer<N: Network, O: Optimizer> {
    net: Box<N>,
    gradient: Box<N>,
    workspace: Workspace<N>,
    state: OptimizerState<O, N>,
    losses: HashMap<u64, N::Element>,
}

impl<N, O> Trainer<N, O>
where
    N: Trainable<Input = Rank1<3>> + Clone + Debug,
    O: Optimizer + Sync,
{
    fn new(optimizer: O) -> Self {
        Trainer {
            net: N::init(&mut shapewright::rng(0)),
            gradient: N::zeros(),
            workspace: N::workspace(),
            state: optimizer.state(),
            losses: HashMap::new(),
        }
    }

    fn step<L>(&mut self, loss: &L, x: &[Tensor<N::Input, N::Element>], targets: &[L::Target]) -> N::Element
    where
        L: Loss<N::Output, N::Element, Accepts = shapewright::loss::AnyOutput>,
    {
        let mut pass = self.net.forward_train(x, &mut self.workspace);
        let value = pass.loss(loss, targets);
        pass.backward(&mut self.gradient);
        self.state.step(&mut self.net, &self.gradient);
        self.losses.insert(self.state.steps(), value);
        value
    }
}

fn train<N, T: Element>(optimizer: impl Optimizer + Sync) -> T
where
    N: Trainable<Element = T, Input = Rank1<3>, Output = Rank1<2>> + Clone + Debug,
{
    let mut trainer = Trainer::<N, _>::new(optimizer);
    let targets = [Tensor1::<2, T>::ones()];
    let losses: Vec<T> = (0..50).map(|_| trainer.step(&Mse, &[Tensor1::ones()], &targets)).collect();
    assert_eq!(trainer.losses.len(), 50);
    assert!(losses[49] < losses[0]);
    losses[49]
}

fn is_send_and_sync<T: Send + Sync + 'static>() {}

fn main() {
    assert!(train::<Small, f32>(Adam::new(0.05)) < 0.1);
    assert!(train::<Exact, f64>(Sgd::new(0.1)) < 0.01);
    is_send_and_sync::<Small>();
    let shared = std::sync::Arc::<Small>::from(Small::init(&mut shapewright::rng(1)));
    let other = shared.clone();
    let y = std::thread::spawn(move || other.forward(&Tensor1::ones())).join().expect("inference");
    assert_eq!(y, shared.forward(&Tensor1::ones()));
}
