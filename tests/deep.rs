//! Deep networks on small stacks, in a build without optimization.

use shapewright::prelude::*;

const STACK: usize = 256 * 1024;

macro_rules! layers {
    ($name:ident { $($layers:tt)* }) => {
        network! { struct $name: [8] -> [8] { $($layers)* } }
    };
}

/// Calls with the layers four times.
macro_rules! four_times {
    ($then:ident $name:ident { $($layers:tt)* }) => {
        $then! { $name { $($layers)* $($layers)* $($layers)* $($layers)* } }
    };
    ($then:ident $next:ident $($name:ident)+ { $($layers:tt)* }) => {
        $then! { $next $($name)+ { $($layers)* $($layers)* $($layers)* $($layers)* } }
    };
}

four_times! { four_times four_times layers Deep { Linear<_, 8>, Tanh, LayerNorm<_>, Relu, Dropout(0.1), } }

network! { struct Repeated: [8] -> [8] { Repeat<200> { Linear<_, 8>, Tanh } } }

network! {
    struct Inner: [8] -> [8] { Repeat<20> { Residual { Linear<_, 8>, Tanh, Linear<_, 8> } } }
}

network! {
    struct Nested: [8] -> [8] {
        Repeat<50> {
            Concat {
                a: { Residual { Repeat<10> { Residual { Linear<_, 8>, Relu, Dropout(0.1) } } }, Linear<_, 4> },
                b: { inner: Inner, Linear<_, 4> },
            },
            Residual { Linear<_, 8>, shortcut: { Repeat<3> { Linear<_, 8> } } },
        },
    }
}

/// Everything that a network does, which ends in the steps of a training.
fn life<N: Network<Element = f32>>() {
    let thread = std::thread::Builder::new().stack_size(STACK);
    let run = || {
        let mut net = N::init(&mut shapewright::rng(0));
        let x = Tensor::<N::Input>::zeros_vec(3);
        let mut y = Tensor::<N::Output>::zeros_vec(3);
        net.forward_into(&x[0], &mut y[1]);
        net.forward_batch(&x, &mut y);

        let (mut gradient, mut workspace) = (N::zeros(), N::workspace());
        let mut adam = Adam::new(0.001).state::<N>();
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut()[0].as_mut_slice().fill(1.0);
        let dx = pass.backward_with_input(&mut gradient);
        assert_eq!(dx.len(), 3);
        adam.step(&mut net, &gradient);
        assert!(net.params().iter().all(|x| x.is_finite()));
        assert!(N::summary().to_string().lines().count() > N::LAYERS.len());
    };
    thread.spawn(run).expect("a thread").join().expect("no panic on a small stack");
}

#[test]
fn networks_of_many_layers() {
    life::<Deep>();
}

#[test]
fn blocks_that_repeat_their_layers_often() {
    life::<Repeated>();
}

#[test]
fn blocks_within_blocks_within_networks() {
    life::<Nested>();
}
