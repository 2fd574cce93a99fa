//! Inputs and outputs that are tuples of tensors, through layers made with the public traits.

use shapewright::prelude::*;
use shapewright::{
    ext::{
        BackwardInPlace, BackwardInput, FeatureOrder, Forward, ForwardInPlace, InPlace, Infer,
        Inferred, Layer, NamesOutput, ShapeRule, Train,
    },
    tensor::{Dims, Element, Rank1},
};

/// Adds two vectors of one size.
struct AddBoth;

impl<In: Shape> ShapeRule<In> for AddBoth {
    const OUTPUT: Inferred = match In::DIMS.parts() {
        [a, b] if a.same(b) => Inferred::shape(*a),
        _ => Inferred::mismatch(
            shapewright::ext::Sentence::new("two tensors of one shape"),
            shapewright::ext::Sentence::new("; give it a tuple of two"),
            Dims::UNKNOWN,
        ),
    };
}

impl<T: Element> Layer<T> for AddBoth {
    type Config = ();
    type Params = ();
}

impl<T: Element, const N: usize> Infer<(Rank1<N>, Rank1<N>), Rank1<N>, T> for AddBoth {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(call: Forward<'_, Self, (Rank1<N>, Rank1<N>), Rank1<N>, T>) {
        let Forward { x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            let (a, b) = x.parts();
            *y = a + b;
        }
    }
}

impl<T: Element, const N: usize> Train<(Rank1<N>, Rank1<N>), Rank1<N>, T> for AddBoth {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, (Rank1<N>, Rank1<N>), Rank1<N>, T>) {
        let BackwardInput { dy, dx, .. } = call;
        for (dy, dx) in dy.iter().zip(dx.into_iter().flatten()) {
            *dx = Tensor::from((*dy, *dy));
        }
    }
}

/// Gives a vector and twice the vector.
struct Twins;

impl<In: Shape> ShapeRule<In> for Twins {
    const OUTPUT: Inferred = Inferred::takes(
        Dims::new(&[3]),
        In::DIMS,
        <(Rank1<3>, Rank1<3>) as Shape>::DIMS,
    );
}

impl NamesOutput for Twins {
    type Output = (Rank1<3>, Rank1<3>);
}

impl<T: Element> Layer<T> for Twins {
    type Config = ();
    type Params = ();
}

impl<T: Element> Infer<Rank1<3>, (Rank1<3>, Rank1<3>), T> for Twins {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(call: Forward<'_, Self, Rank1<3>, (Rank1<3>, Rank1<3>), T>) {
        let Forward { x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            *y = Tensor::from((*x, x + x));
        }
    }
}

impl<T: Element> Train<Rank1<3>, (Rank1<3>, Rank1<3>), T> for Twins {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, Rank1<3>, (Rank1<3>, Rank1<3>), T>) {
        let BackwardInput { dy, dx, .. } = call;
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
    assert!(
        Whole::summary().to_string().contains("([3], [3])"),
        "{}",
        Whole::summary()
    );
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
        let slope: f32 = (0..3)
            .map(|h| 3.0 * net.split.fc.weight[i][h] * net.sum.head.weight[h][0])
            .sum();
        assert!((dx[i] - slope).abs() < 1e-5, "{} {slope}", dx[i]);
    }
    assert_eq!(gradient.sum.head.bias, [1.0, 0.0]);
}

/// Element-wise layers, on a tuple and on the same numbers as one vector.
mod number_by_number {
    use super::*;

    /// Checks that a network on a tuple has the outputs and gradients of one on features.
    fn check<Tuple, Flat>(layer: &str)
    where
        Tuple: Trainable<Element = f64, Output = Rank1<7>>,
        Flat: Trainable<Element = f64, Input = Rank1<7>, Output = Rank1<7>>,
    {
        let x: Vec<Tensor<Rank1<7>, f64>> = crate::common::random(3, 4);
        let parts: Vec<Tensor<Tuple::Input, f64>> = x
            .iter()
            .map(|x| Tensor::from_slice(x.as_slice()).expect("seven numbers"))
            .collect();
        let (tuple, flat) = (
            Tuple::init(&mut shapewright::rng(0)),
            Flat::init(&mut shapewright::rng(0)),
        );
        assert_eq!(tuple.params(), flat.params(), "{layer}");

        let mut wanted = vec![Tensor::zeros(); 3];
        flat.forward_batch(&x, &mut wanted);
        let mut found = vec![Tensor::zeros(); 3];
        tuple.forward_batch(&parts, &mut found);
        assert_eq!(found, wanted, "{layer}");
        let single: Vec<_> = parts.iter().map(|x| tuple.forward(x)).collect();
        assert_eq!(single, wanted, "{layer}");

        let (mut one, mut other) = (Tuple::workspace(), Flat::workspace());
        let trained = tuple.forward_train(&parts, &mut one);
        assert_eq!(
            trained.outputs(),
            flat.forward_train(&x, &mut other).outputs(),
            "{layer}"
        );
        crate::common::gradient::check_network::<Tuple>(3);
    }

    macro_rules! layers {
        ($($test:ident: $layer:ident $(<$size:tt>)? $(($($argument:expr),*))?;)*) => { $(
            #[test]
            fn $test() {
                network! {
                    struct OfTuple: ([2, 1, 2], [3]) -> [7] as f64 {
                        $layer $(<$size>)? $(($($argument),*))?,
                        Flatten,
                    }
                }
                network! {
                    struct OfFeatures: [7] -> [7] as f64 {
                        $layer $(<$size>)? $(($($argument),*))?,
                        Flatten,
                    }
                }
                check::<OfTuple, OfFeatures>(stringify!($layer));
            }
        )* };
    }
    layers! {
        relu: Relu;
        relu6: Relu6;
        leaky_relu: LeakyRelu(0.2);
        prelu: PRelu;
        elu: Elu(0.5);
        selu: Selu;
        celu: Celu(0.5);
        gelu: Gelu;
        gelu_tanh: GeluTanh;
        silu: Silu;
        mish: Mish;
        softplus: Softplus;
        softsign: Softsign;
        tanh: Tanh;
        hard_tanh: HardTanh(-0.5, 0.75);
        sigmoid: Sigmoid;
        log_sigmoid: LogSigmoid;
        hard_sigmoid: HardSigmoid;
        hard_swish: HardSwish;
        dropout: Dropout(0.3);
        reshape: Reshape<7>;
    }

    /// A custom activation for inputs of any shape.
    pub(super) struct Twice;

    impl<In: Shape> ShapeRule<In> for Twice {
        const OUTPUT: Inferred = Inferred::shape(In::DIMS);
    }
    impl InPlace for Twice {
        type Config = ();
        const ORDER: FeatureOrder = FeatureOrder::Keeps;
        const READS_OUTPUT: bool = false;
        fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
            let ForwardInPlace { y, .. } = call;
            y.iter_mut().for_each(|y| *y *= T::one() + T::one());
        }
        fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
            let BackwardInPlace { dy, .. } = call;
            dy.iter_mut().for_each(|dy| *dy *= T::one() + T::one());
        }
    }
    layers! { ones_own: Twice; }
}

network! {
    struct AfterSplit: [2] -> [4] { Split { {}, {} }, Tanh, Flatten }
}

#[test]
fn activations_work_on_every_part_of_a_tuple() {
    let x = Tensor1::from([0.5, -1.0]);
    let wanted = [
        0.5_f32.tanh(),
        (-1.0_f32).tanh(),
        0.5_f32.tanh(),
        (-1.0_f32).tanh(),
    ];

    let close = |y: &Tensor1<4>| {
        y.iter()
            .zip(wanted)
            .all(|(y, wanted)| (y - wanted).abs() < 1e-6)
    };

    let net = AfterSplit::zeros();
    assert!(close(&net.forward(&x)), "{:?}", net.forward(&x));
    assert!(close(
        &net.forward_train(&[x], &mut AfterSplit::workspace())
            .outputs()[0]
    ));
}

use number_by_number::Twice;

macro_rules! four_times {
    ($name:ident { $($before:tt)* } { $($layers:tt)* } { $($behind:tt)* }) => {
        network! {
            struct $name: [2] -> [4] {
                $($before)* $($layers)* $($layers)* $($layers)* $($layers)* $($behind)*
            }
        }
    };
}
four_times! {
    AfterManyLayers
    { Split { {}, {} }, }
    {
        Relu, Twice, Relu, Twice, Relu, Twice, Relu, Twice, Relu, Twice, Relu, Twice,
        Relu, Twice, Relu, Twice, Relu, Twice, Relu, Twice, Relu, Twice, Relu, Twice,
    }
    { Flatten }
}

/// The shape after each layer is named by the first shape that is equal. If it were named by the
/// one before it, the compiler would follow the whole chain for each layer, which takes half a
/// minute, and the names would nest too deep.
#[test]
fn tuples_go_through_a_hundred_layers() {
    let net = AfterManyLayers::zeros();
    let y = net.forward(&Tensor1::from([1.0, -1.0]));
    let twice = 2.0_f32.powi(48);
    assert_eq!(y.as_slice(), [twice, 0.0, twice, 0.0]);
}

/// Blocks behind a `Split`, beside the same layers without tuples.
mod blocks_behind_a_split {
    use super::*;

    network! {
        struct Parts: ([3], [2]) -> ([3], [2]) as f64 { Mish, slope: PRelu }
    }
    network! {
        struct OfTuples: [4] -> [30] as f64 {
            Split { a: { a: Linear<_, 3> }, b: { b: Linear<_, 2>, Tanh } },
            Residual { Tanh },
            Repeat<2> { Residual { Gelu, slope: PRelu }, Sigmoid },
            Residual { Silu, shortcut: { Mish } },
            parts: Parts,
            Split { {}, { Tanh } },
            Split { { Flatten }, { Relu }, {} },
            Flatten,
        }
    }
    network! {
        struct OfFeatures: [4] -> [30] as f64 {
            Concat { a: { a: Linear<_, 3> }, b: { b: Linear<_, 2>, Tanh } },
            Residual { Tanh },
            Repeat<2> { Residual { Gelu, slope: PRelu }, Sigmoid },
            Residual { Silu, shortcut: { Mish } },
            parts: Vector,
            Concat { {}, { Tanh } },
            Concat { {}, { Relu }, {} },
        }
    }
    network! {
        struct Vector: [5] -> [5] as f64 { Mish, slope: PRelu }
    }
    network! {
        struct Joined: ([2, 2], [3]) -> [10] as f64 {
            Tanh,
            Concat { Flatten, { Relu, Flatten, Linear<_, 3> } },
        }
    }

    #[test]
    fn blocks_on_tuples_compute_what_blocks_on_features_compute() {
        let tuples = OfTuples::init(&mut shapewright::rng(3));
        let mut features = OfFeatures::zeros();
        features.params_mut().copy_from_slice(tuples.params());
        let x: Vec<Tensor<Rank1<4>, f64>> = crate::common::random(5, 6);
        let (mut found, mut wanted) = (vec![Tensor::zeros(); 5], vec![Tensor::zeros(); 5]);
        tuples.forward_batch(&x, &mut found);
        features.forward_batch(&x, &mut wanted);
        assert_eq!(found, wanted);
        let (mut one, mut other) = (OfTuples::workspace(), OfFeatures::workspace());
        let trained = tuples.forward_train(&x, &mut one);
        assert_eq!(
            trained.outputs(),
            features.forward_train(&x, &mut other).outputs()
        );
    }

    #[test]
    fn blocks_on_tuples_have_the_right_gradients() {
        crate::common::gradient::check_network::<OfTuples>(3);
        crate::common::gradient::check_network::<Joined>(3);
        crate::common::gradient::check_network::<Parts>(3);
    }
}
