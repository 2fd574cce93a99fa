//! Batch normalizations folded into the layers before them.

use crate::common::random;
use shapewright::prelude::*;
use shapewright::{LayerSummary, tensor::Element};

/// A network in both number types.
macro_rules! both {
    ($($single:ident $single_folded:ident $double:ident $double_folded:ident
        [$($input:tt)*] [$($output:tt)*] { $($layers:tt)* })*) => { $(
        network! {
            #[folded($single_folded)]
            struct $single: [$($input)*] -> [$($output)*] { $($layers)* }
        }
        network! {
            #[folded($double_folded)]
            struct $double: [$($input)*] -> [$($output)*] as f64 { $($layers)* }
        }
    )* };
}

both! {
    Plain PlainFolded Plain64 Plain64Folded [7, 6, 4] [5] {
        stem: Conv2d<_, 6, 3, Pad<1>>,
        BatchNorm2d<_>,
        Relu,
        grouped: Conv2d<_, 12, (2, 3), Stride<2, 1>, Groups<2>, NoBias>,
        Dropout2d(0.3),
        norm: BatchNorm2d<_, NoAffine>(1e-2, 0.2),
        Conv2d<_, 12, 1, Groups<12>, NoBias>,
        BatchNorm2d<_>,
        up: ConvTranspose2d<_, 8, 2, Groups<4>, Stride<2>, NoBias>,
        BatchNorm2d<_>(0.5, 0.1),
        Flatten,
        Dropout,
        Linear<_, 5, NoBias>,
        BatchNorm1d<_>,
        Softplus,
    }
    Rows RowsFolded Rows64 Rows64Folded [9, 4] [2, 3] {
        Conv1d<_, 6, 3, Stride<2>, Groups<2>>,
        BatchNorm1d<_>(1e-3, 0.1),
        Tanh,
        Conv1d<_, 5, 2, NoBias>,
        BatchNorm1d<_>,
        Linear<_, 4>,
        BatchNorm1d<_>,
        Reshape<2, _>,
        up: Linear<_, 3>,
        BatchNorm1d<_, NoAffine>,
    }
    Blocks BlocksFolded Blocks64 Blocks64Folded [6, 6, 4] [3] {
        first: Residual {
            a: Conv2d<_, 8, 3, Pad<1>, NoBias>,
            BatchNorm2d<_>,
            Relu,
            Dropout2d,
            b: Conv2d<_, 8, 3, Pad<1>, NoBias>,
            BatchNorm2d<_>,
            shortcut: { fc: Conv2d<_, 8, 1, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        Concat {
            small: { Conv2d<_, 3, 1, NoBias>, BatchNorm2d<_>, Relu },
            wide: Conv2d<_, 5, 3, Pad<1>>,
            skip: {},
            dropped: { Dropout(0.1) },
            Dropout2d,
        },
        all: Repeat<3> {
            Residual { Relu, conv: Conv2d<_, 32, 3, Pad<1>, Groups<32>>, norm: BatchNorm2d<_> },
            Repeat<2> { Linear<_, 32, NoBias>, BatchNorm2d<_>, Tanh },
        },
        GlobalAvgPool2d,
        Split { a: Linear<_, 3>, b: { Linear<_, 3>, BatchNorm1d<_> } },
        first_of_both: self::First,
    }
    // Only the last normalization directly follows a layer into which it can be folded.
    Stay StayFolded Stay64 Stay64Folded [4, 4, 3] [2] {
        before: BatchNorm2d<_>,
        Conv2d<_, 4, 2>,
        Relu,
        behind_relu: BatchNorm2d<_>,
        Residual { Conv2d<_, 4, 1>, Relu },
        behind_block: BatchNorm2d<_>,
        Residual { first_in_block: BatchNorm2d<_>, Conv2d<_, 4, 1> },
        Flatten,
        Linear<_, 3>,
        LayerNorm,
        Linear<_, 2>,
        BatchNorm1d<_>,
        second: BatchNorm1d<_>,
    }
}

/// The sum of two vectors, as a custom layer.
struct First;

mod own_layer {
    use super::First;
    use shapewright::{
        Shape, Tensor,
        ext::{BackwardInput, FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule, Train},
        tensor::{Dims, Element},
    };

    impl<In: Shape> ShapeRule<In> for First {
        const OUTPUT: Inferred = Inferred::shape(Dims::new(&[3]));
    }
    impl<T: Element> Layer<T> for First {
        type Config = ();
        type Params = [T; 1];
    }
    impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for First {
        const ORDER: FeatureOrder = FeatureOrder::Depends;
        fn forward(call: Forward<'_, Self, In, Out, T>) {
            let Forward { params, x, y, .. } = call;
            for (x, y) in x.iter().zip(y) {
                let x = Tensor::flatten(core::slice::from_ref(x));
                *y = Tensor::from_position(|i| x[i] + params[0] * x[i + 3]);
            }
        }
    }

    impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for First {
        const READS_OUTPUT: bool = false;
        fn backward_input(_: BackwardInput<'_, Self, In, Out, T>) {}
    }
}

/// Returns a network with random parameters and statistics.
fn trained<N: Trainable>(seed: u64) -> Box<N> {
    let mut net = N::init(&mut shapewright::rng(seed));
    let mut next = seed;
    net.for_each_param_mut(|name, _, numbers| {
        next += 1;
        let random: Vec<Tensor0<N::Element>> = random(numbers.len(), next);
        for (number, random) in numbers.iter_mut().zip(Tensor::flatten(&random)) {
            *number = if name.ends_with("running_var") {
                *random * *random + N::Element::from_f64_lossy(0.5)
            } else {
                *random
            };
        }
    });
    net
}

/// Returns the largest difference of the outputs, relative to the largest output.
fn difference<N: Foldable>(net: &N) -> f64 {
    let x: Vec<Tensor<N::Input, N::Element>> = random(5, 77);
    let (mut y, mut same) = (vec![Tensor::zeros(); 5], vec![Tensor::zeros(); 5]);
    net.forward_batch(&x, &mut y);
    net.folded().forward_batch(&x, &mut same);
    let wide = |y: &N::Element| num_traits::ToPrimitive::to_f64(y).expect("a number");
    let (y, same) = (
        Tensor::flatten(&y).iter().map(wide),
        Tensor::flatten(&same).iter().map(wide),
    );
    let largest = y.clone().fold(0.0, |largest: f64, y| largest.max(y.abs()));
    assert!(largest > 1e-3, "outputs that say something");
    y.zip(same)
        .map(|(y, same)| (y - same).abs())
        .fold(0.0, f64::max)
        / largest
}

#[test]
fn a_folded_network_has_the_same_outputs() {
    fn check<N: Foldable + Trainable, D: Foldable + Trainable>() {
        for seed in [1, 100, 1000] {
            let (single, double) = (
                difference(&*trained::<N>(seed)),
                difference(&*trained::<D>(seed)),
            );
            assert!(
                single < 1e-5 && double < 1e-12,
                "{} differs by {single:e}, {double:e}",
                N::NAME
            );
        }
    }
    check::<Plain, Plain64>();
    check::<Rows, Rows64>();
    check::<Blocks, Blocks64>();
    check::<Stay, Stay64>();
}

/// Returns the layers, including those inside blocks.
fn layers(all: &[LayerSummary]) -> Vec<&str> {
    all.iter()
        .flat_map(|layer| [vec![layer.layer], layers(layer.inner)].concat())
        .collect()
}

both! {
    // A normalization is kept if other layers read its source as well, also through a `Dropout`.
    Read ReadFolded Read64 Read64Folded [5, 5, 2] [3] {
        conv: Conv2d<_, 4, 3, Pad<1>, NoBias>,
        norm: BatchNorm2d<_>,
        sum: Add <- (norm, conv),
        dropped: Dropout2d(0.3),
        wide: Conv2d<_, 4, 1, NoBias>,
        thinned: Dropout2d(0.3),
        kept: BatchNorm2d<_>,
        Concat <- (kept, wide, dropped),
        folded: Conv2d<_, 3, 2>,
        gone: BatchNorm2d<_>,
        GlobalAvgPool2d,
        last: Linear<_, 3>,
        BatchNorm1d<_>,
    }
    // Sources behind layers that are gone, the same output under two names, and lists in blocks.
    Moved MovedFolded Moved64 Moved64Folded [4] [5] {
        first: Dropout,
        a: Linear<_, 5, NoBias>,
        a_norm: BatchNorm1d<_>,
        b: Dropout,
        c: Tanh,
        d: Linear<_, 5> <- first,
        d_dropped: Dropout,
        d_norm: BatchNorm1d<_>,
        e: Mul <- (c, b, d_norm, a_norm),
        Residual {
            x: Linear<_, 5>,
            y: Dropout <- input,
            z: Add <- (x, y),
            w: Linear<_, 5, NoBias> <- x,
            w_norm: BatchNorm1d<_>,
            Add <- (w_norm, z, input),
        },
        f: Dropout,
        Add <- (f, e),
        Dropout,
    }
}
network! {
    #[folded(EndsFolded)]
    struct Ends: (a: [3], b: [2]) -> (norm: [4], plain: [2], dropped: [2]) as f64 {
        x: Dropout <- b,
        y: Dropout <- a,
        z: Concat <- (y, x),
        fc: Linear<_, 4, NoBias>,
        norm: BatchNorm1d<_>,
        plain: Linear<_, 2> <- x,
        dropped: Dropout,
    }
}

#[test]
fn sources_are_those_of_the_original() {
    for seed in [1, 100, 1000] {
        assert!(difference(&*trained::<Read>(seed)) < 1e-5);
        assert!(difference(&*trained::<Moved>(seed)) < 1e-5);
        assert!(difference(&*trained::<Read64>(seed)) < 1e-12);
        assert!(difference(&*trained::<Moved64>(seed)) < 1e-12);
        assert!(difference(&*trained::<Ends>(seed)) < 1e-12);
    }

    let norms = |all: &[LayerSummary]| {
        let layers = layers(all);
        layers.iter().filter(|layer| layer.contains("Norm")).count()
    };
    assert_eq!(norms(Read::LAYERS), 4);
    assert_eq!(norms(ReadFolded::LAYERS), 2);
    assert_eq!(norms(MovedFolded::LAYERS), 0);
    assert_eq!(norms(EndsFolded::LAYERS), 0);
    let _ = ReadFolded::zeros().norm.running_mean;
    assert!(!MovedFolded::summary().to_string().contains("Dropout"));
}

#[test]
fn folded_layers_are_gone() {
    assert_eq!(
        layers(PlainFolded::LAYERS),
        [
            "stem: Conv2d<_, 6, 3, Pad<1>>",
            "Relu",
            "grouped: Conv2d<_, 12, (2, 3), Stride<2, 1>, Groups<2>>",
            "Conv2d<_, 12, 1, Groups<12>>",
            "up: ConvTranspose2d<_, 8, 2, Groups<4>, Stride<2>>",
            "Flatten",
            "Linear<_, 5>",
            "Softplus",
        ]
    );

    // Weight and bias of each normalization that has them are gone, and each layer without a bias
    // has one now.
    assert_eq!(
        PlainFolded::PARAMS,
        Plain::PARAMS - 2 * (6 + 12 + 8 + 5) + 12 + 12 + 8 + 5
    );

    assert!(!BlocksFolded::summary().to_string().contains("Norm"));
    assert!(!BlocksFolded::summary().to_string().contains("Dropout"));
    assert_eq!(
        Stay::LAYERS.len() - StayFolded::LAYERS.len(),
        1,
        "one normalization of five stands where it can be folded"
    );
    assert_eq!(Stay::PARAMS - StayFolded::PARAMS, 2 * 2);
    const { assert!(PlainFolded::WORKSPACE_BYTES <= Plain::WORKSPACE_BYTES) };
}

#[test]
fn fields_keep_their_names() {
    let mut names = Vec::new();
    BlocksFolded::zeros().for_each_param(|name, _, _| names.push(name.to_owned()));
    let expected = "first.a.weight first.a.bias first.b.weight first.b.bias first.shortcut.fc.weight \
        first.shortcut.fc.bias 2.small.0.weight 2.small.0.bias 2.wide.weight 2.wide.bias";
    assert_eq!(names[..10].join(" "), expected);
    let net = trained::<Blocks>(5);
    let folded = net.folded();
    assert_eq!(
        folded.layer_2.wide, net.layer_2.wide,
        "what is not folded is copied"
    );
    assert_eq!(folded.layer_5.a, net.layer_5.a);
    assert_eq!(folded.first_of_both, net.first_of_both);
    assert_eq!(folded.all[2].layer_1[1].layer_0.bias.len(), 32);
    let net = trained::<Stay>(5);
    assert_eq!(net.folded().second, net.second);
}

#[test]
fn the_folded_weight_is_the_formula() {
    network! { #[folded(OneFolded)] struct One: [1] -> [1] { fc: Linear<_, 1>, norm: BatchNorm1d<_>(0.0, 0.1) } }
    let mut net = One::zeros();
    (net.fc.weight, net.fc.bias) = ([[3.0]], [5.0]);
    (net.norm.weight, net.norm.bias) = ([8.0], [0.5]);
    (net.norm.running_mean, net.norm.running_var) = ([2.0], [16.0]);
    let folded = net.folded();
    assert_eq!((folded.fc.weight, folded.fc.bias), ([[6.0]], [6.5]));
}

network! {
    /// A part of another network.
    #[derive(Clone, Debug, PartialEq)]
    #[folded(InnerFolded)]
    pub struct Inner: [4] -> [4] { fc: Linear<_, 4, NoBias>, BatchNorm1d<_>, Relu }
}
network! {
    #[derive(Clone, Debug, PartialEq)]
    struct Other: [4] -> [4] { fc: Linear<_, 4, NoBias>, norm: BatchNorm1d<_> }
}
network! {
    #[derive(Clone, Debug, PartialEq)]
    #[folded(OuterFolded)]
    struct Outer: [4] -> [4] { Inner, Residual { inner: Inner }, Relu, other: Other }
}

#[test]
fn nested_networks_are_folded_if_they_can_be() {
    let net = trained::<Outer>(3);
    assert!(difference(&*net) < 1e-5);
    let folded: Box<OuterFolded> = net.folded();
    let inner: &InnerFolded = &folded.layer_0;
    assert_eq!(*inner, *net.layer_0.folded());
    assert_eq!(folded.layer_1.inner, *net.layer_1.inner.folded());
    assert_eq!(folded.other, net.other);
    assert_eq!(folded, folded.clone());
    assert!(
        format!("{folded:?}").starts_with("OuterFolded { layer_0: InnerFolded { fc: LinearParams")
    );
}

#[test]
fn a_network_is_folded_after_training() {
    let mut net = Plain::init(&mut shapewright::rng(0));
    let x = random::<_, f32>(16, 1);
    let targets = random(16, 2);
    let (mut gradient, mut workspace) = (Plain::zeros(), Plain::workspace());
    let mut adam = Adam::new(0.01).state::<Plain>();
    for _ in 0..5 {
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&Mse, &targets);
        pass.backward(&mut gradient);
        adam.step(&mut net, &gradient);
    }
    assert!(net.norm.running_mean.iter().all(|&mean| mean != 0.0));
    assert!(difference(&*net) < 1e-5);
}
