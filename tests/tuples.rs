//! Inputs and outputs that are tuples of tensors, through layers made with the public traits.

use shapewright::prelude::*;
use shapewright::{
    Compute, Context, Dims, Element, FeatureOrder, Fit, Fits, Layer, NamesOutput, Rank1, Slab,
};

/// Adds two vectors of one size.
struct AddBoth;

impl<In: Shape> Fits<In> for AddBoth {
    const FIT: Fit = match In::DIMS.parts() {
        [a, b] if a.same(b) => Fit::gives(*a),
        _ => Fit::mismatch(
            shapewright::Sentence::new("two tensors of one shape"),
            shapewright::Sentence::new("; give it a tuple of two"),
            Dims::UNKNOWN,
        ),
    };
}

impl<T: Element> Layer<T> for AddBoth {
    type Config = ();
    type Params = ();
}

impl<T: Element, const N: usize> Compute<(Rank1<N>, Rank1<N>), Rank1<N>, T> for AddBoth {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(
        _: &(),
        _: &(),
        x: &[Tensor<(Rank1<N>, Rank1<N>), T>],
        y: &mut [Tensor1<N, T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
        for (x, y) in x.iter().zip(y) {
            let (a, b) = x.parts();
            *y = a + b;
        }
    }

    fn backward_input(
        _: &(),
        _: &(),
        _: &[Tensor<(Rank1<N>, Rank1<N>), T>],
        _: &[Tensor1<N, T>],
        _: Slab<'_, T>,
        dy: &mut [Tensor1<N, T>],
        dx: Option<&mut [Tensor<(Rank1<N>, Rank1<N>), T>]>,
        _: &Context<T>,
    ) {
        for (dy, dx) in dy.iter().zip(dx.into_iter().flatten()) {
            *dx = Tensor::from((*dy, *dy));
        }
    }
}

/// Gives a vector and twice the vector.
struct Twins;

impl<In: Shape> Fits<In> for Twins {
    const FIT: Fit = Fit::takes(Dims::new(&[3]), In::DIMS, <(Rank1<3>, Rank1<3>) as Shape>::DIMS);
}

impl NamesOutput for Twins {
    type Output = (Rank1<3>, Rank1<3>);
}

impl<T: Element> Layer<T> for Twins {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    type Config = ();
    type Params = ();
}

impl<T: Element> Compute<Rank1<3>, (Rank1<3>, Rank1<3>), T> for Twins {
    fn forward(
        _: &(),
        _: &(),
        x: &[Tensor1<3, T>],
        y: &mut [Tensor<(Rank1<3>, Rank1<3>), T>],
        _: &mut [T],
        _: &Context<T>,
    ) {
        for (x, y) in x.iter().zip(y) {
            *y = Tensor::from((*x, x + x));
        }
    }

    fn backward_input(
        _: &(),
        _: &(),
        _: &[Tensor1<3, T>],
        _: &[Tensor<(Rank1<3>, Rank1<3>), T>],
        _: Slab<'_, T>,
        dy: &mut [Tensor<(Rank1<3>, Rank1<3>), T>],
        dx: Option<&mut [Tensor1<3, T>]>,
        _: &Context<T>,
    ) {
        for (dy, dx) in dy.iter().zip(dx.into_iter().flatten()) {
            let (a, b) = dy.parts();
            *dx = a + &(b + b);
        }
    }
}

network! {
    /// A tuple goes in.
    struct Sum: ([3], [3]) -> [2] {
        AddBoth,
        head: Linear<_, 2>,
    }
}

network! {
    /// A tuple comes out.
    struct Split: [4] -> ([3], [3]) {
        fc: Linear<_, 3>,
        Twins,
    }
}

network! {
    /// A tuple goes from one network to the next.
    struct Whole: [4] -> [2] {
        split: self::Split,
        sum: Sum,
    }
}

#[test]
fn tuples_pass_through_networks() {
    let net = Whole::init(&mut shapewright::rng(5));
    let x = Tensor1::from([0.5, -1.0, 2.0, 0.25]);
    let both = net.split.forward(&x);
    let (once, twice) = both.parts();
    assert_eq!(*twice, once + once);
    let sum = net.sum.forward(&both);
    assert_eq!(sum, net.forward(&x));
    assert_eq!(Whole::PARAMS, 4 * 3 + 3 + 3 * 2 + 2);
    assert!(Whole::summary().to_string().contains("([3], [3])"), "{}", Whole::summary());
}

#[test]
fn gradients_pass_through_tuples() {
    let net = Whole::init(&mut shapewright::rng(6));
    let x = [Tensor1::from([0.5, -1.0, 2.0, 0.25])];
    let (mut gradient, mut workspace) = (Whole::zeros(), Whole::workspace());
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.output_gradients_mut()[0] = Tensor1::from([1.0, 0.0]);
    let dx = pass.backward_with_input(&mut gradient)[0];
    // y0 is linear in x, with three times the first layer's output going in.
    for i in 0..4 {
        let slope: f32 = (0..3).map(|h| 3.0 * net.split.fc.weight[i][h] * net.sum.head.weight[h][0]).sum();
        assert!((dx[i] - slope).abs() < 1e-5, "{} {slope}", dx[i]);
    }
    assert_eq!(gradient.sum.head.bias, [1.0, 0.0]);
}
