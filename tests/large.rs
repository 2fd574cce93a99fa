//! Networks and tensors far larger than the stack, in a build without optimization.

use shapewright::Element;
use shapewright::prelude::*;

const STACK: usize = 256 * 1024;

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(f).expect("a thread");
    thread.join().expect("no panic on a small stack");
}

network! {
    #[derive(Clone)]
    struct Large: [784] -> [10] { fc1: Linear<_, 4096>, Relu, Dropout(0.1), fc2: Linear<_, 10> }
}
network! {
    #[derive(Clone)]
    struct Outer: [28, 28] -> [10] { Flatten, body: Large }
}

fn life<N: Network + Clone>() {
    assert!(N::PARAMS * size_of::<N::Element>() > 10 * STACK);
    let mut net = N::init(&mut shapewright::rng(0));
    let before = net.clone();
    assert!(before.params() == net.params() && net.to_boxed().params() == net.params());

    let (mut gradient, mut workspace) = (N::zeros(), N::workspace());
    let mut adam = Adam::new(0.001).state::<N>();
    let x = vec![Tensor::<N::Input, N::Element>::ones(); 2];
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.output_gradients_mut()[0].as_mut_slice()[0] = num_traits::one();
    pass.backward(&mut gradient);
    adam.step(&mut net, &gradient);
    assert!(net.params() != before.params(), "the step changes parameters");
    let state = adam.clone();
    assert_eq!(state.steps(), 1);

    let (old, new) = (before.forward(&x[0]), net.forward(&x[0]));
    assert!(new.as_slice()[0] < old.as_slice()[0], "a step down the gradient of the first output lowers it");
    let mut y = vec![Tensor::zeros(); 2];
    net.forward_batch(&x, &mut y);
    let close =
        |a: &N::Element, b: &N::Element| num_traits::Float::abs(*a - *b) < N::Element::from_f64_lossy(1e-4);
    assert!(y[1].iter().zip(&new).all(|(a, b)| close(a, b)));
}

#[test]
fn a_network_larger_than_the_stack_lives_its_life() {
    on_a_small_stack(life::<Large>);
    on_a_small_stack(life::<Outer>);
}

#[test]
fn a_large_activation_goes_from_heap_to_heap() {
    network! { struct Image: [256, 256, 3] -> [256, 256, 3] { Tanh, Linear<_, 3>, Sigmoid } }
    on_a_small_stack(|| {
        let net = Image::init(&mut shapewright::rng(0));
        let x = Tensor3::<256, 256, 3>::full_boxed(0.5);
        let mut y = Tensor3::<256, 256, 3>::full_boxed(f32::NAN);
        net.forward_into(&*x, &mut *y);
        assert!(y.iter().all(|&y| y > 0.0 && y < 1.0));
        let mut workspace = Image::workspace();
        let mut pass = net.forward_train(std::slice::from_ref(&*x), &mut workspace);
        assert!(pass.outputs()[0].as_slice() == y.as_slice());
        pass.loss(&Mse, std::slice::from_ref(&*x));
        let mut gradient = Image::zeros();
        pass.backward(&mut gradient);
        assert!(gradient.params().iter().any(|&g| g != 0.0));
    });
}

#[test]
fn boxed_tensors_never_touch_the_stack() {
    type Matrix = Tensor2<1024, 1025>;
    on_a_small_stack(|| {
        let mut zeros = Matrix::zeros_boxed();
        assert_eq!((zeros[[1023, 1024]], Matrix::LEN), (0.0, 1024 * 1025));
        zeros[[1023, 1024]] = 7.0;
        assert_eq!(zeros.sum(), 7.0);
        let sums = Matrix::from_fn_boxed(|[i, j]| (i + j) as f32);
        assert_eq!((sums[[3, 4]], sums.max()), (7.0, 2047.0));
        let copy = Matrix::from_slice_boxed(sums.as_slice()).expect("the right length");
        assert!(copy == sums);
        assert!(Matrix::from_slice_boxed(&[1.0]).is_err());
        let random = Matrix::random_boxed(rand::distr::StandardUniform, &mut shapewright::rng(0));
        assert!((random.mean() - 0.5).abs() < 0.01);
        assert_eq!(Matrix::full_boxed(2.0).min(), 2.0);
    });
}
