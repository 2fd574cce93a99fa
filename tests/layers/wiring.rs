//! Layers that read earlier outputs, several of them, several inputs and several outputs.

use crate::common::gradient::check_network;
use shapewright::prelude::*;
use shapewright::tensor::{Rank2, Rank3};

/// The guide's layer of two inputs.
mod bilinear {
    use shapewright::ext::{
        BackwardInput, BackwardParams, FeatureOrder, Forward, Infer, Inferred, Inputs, Layer,
        LayerInput, ShapeRule, Sources, Train,
    };
    use shapewright::prelude::*;
    use shapewright::tensor::{Dims, Element, Rank1};

    /// `y[i] = a[i] * (w[i][0] * b[0] + w[i][1] * b[1] + ..)`: `b` decides how much of `a` passes.
    pub struct Bilinear<const A: usize, const B: usize>;

    /// The parameters of [`Bilinear`].
    #[derive(Clone, Copy, Debug, Parameters)]
    #[repr(C)]
    pub struct BilinearParams<const A: usize, const B: usize, T: Element> {
        pub weight: [[T; B]; A],
    }

    /// The shapes of the two sources.
    pub type Two<const A: usize, const B: usize> = (Rank1<A>, Rank1<B>);

    impl<X: Sources, const A: usize, const B: usize> ShapeRule<Inputs<X>> for Bilinear<A, B> {
        const OUTPUT: Inferred = Inferred::takes(
            <Two<A, B> as Shape>::DIMS,
            <Inputs<X> as LayerInput>::DIMS,
            Dims::new(&[A]),
        );
    }

    impl<T: Element, const A: usize, const B: usize> Layer<T> for Bilinear<A, B> {
        type Config = ();
        type Params = BilinearParams<A, B, T>;

        fn initialize<R: rand::Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
            params.weight = [[T::one(); B]; A];
        }
    }

    /// Returns the product of a row of weights and `b`.
    fn gate<T: Element, const B: usize>(weight: &[T; B], b: &Tensor1<B, T>) -> T {
        weight
            .iter()
            .zip(b)
            .fold(T::zero(), |sum, (&w, &b)| sum + w * b)
    }

    impl<T: Element, const A: usize, const B: usize> Infer<Inputs<Two<A, B>>, Rank1<A>, T>
        for Bilinear<A, B>
    {
        // An output depends on its position in `a`, and on the order of `b`.
        const ORDER: FeatureOrder = FeatureOrder::Depends;
        const MULTIPLY_ADDS: usize = A * (B + 1);

        fn forward(call: Forward<'_, Self, Inputs<Two<A, B>>, Rank1<A>, T>) {
            let Forward { params, x, y, .. } = call;
            let (a, b) = x.slices();
            for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                for i in 0..A {
                    y[i] = a[i] * gate(&params.weight[i], b);
                }
            }
        }
    }

    impl<T: Element, const A: usize, const B: usize> Train<Inputs<Two<A, B>>, Rank1<A>, T>
        for Bilinear<A, B>
    {
        const READS_OUTPUT: bool = false;

        fn backward_input(call: BackwardInput<'_, Self, Inputs<Two<A, B>>, Rank1<A>, T>) {
            let BackwardInput {
                params, x, dy, dx, ..
            } = call;
            let (a, b) = x.slices();
            let (da, db) = dx.slices();

            for ((da, dy), b) in da.into_iter().flatten().zip(&*dy).zip(b) {
                for i in 0..A {
                    da[i] = dy[i] * gate(&params.weight[i], b);
                }
            }
            for ((db, dy), a) in db.into_iter().flatten().zip(&*dy).zip(a) {
                for j in 0..B {
                    db[j] =
                        (0..A).fold(T::zero(), |sum, i| sum + dy[i] * a[i] * params.weight[i][j]);
                }
            }
        }

        fn backward_params(call: BackwardParams<'_, Self, Inputs<Two<A, B>>, Rank1<A>, T>) {
            let BackwardParams {
                x, dy, gradient, ..
            } = call;
            let (a, b) = x.slices();
            for ((dy, a), b) in dy.iter().zip(a).zip(b) {
                for i in 0..A {
                    for j in 0..B {
                        gradient.weight[i][j] += dy[i] * a[i] * b[j];
                    }
                }
            }
        }
    }
}
use bilinear::Bilinear;

network! {
    /// A skip connection across two layers.
    struct Skip: [4, 4, 2] -> [4, 4, 1] as f64 {
        enc: Conv2d<_, 3, 3, Pad<1>>,
        act: Relu,
        down: MaxPool2d<2>,
        mid: Conv2d<_, 5, 3, Pad<1>>,
        Tanh,
        up: Upsample<2>,
        Concat <- (up, act),
        head: Conv2d<_, 1, 1>,
    }
}

network! {
    /// Every kind of output with a second reader: the input, a layer fused with `Relu`, a layer in
    /// place, a view, and an output that one layer reads twice.
    struct Readers: [3, 2] -> [6] as f64 {
        Flatten,
        fc: Linear<_, 6>,
        relu: Relu,
        Add <- (relu, fc),
        tanh: Tanh,
        gate: Sigmoid <- fc,
        square: Mul <- (tanh, tanh),
        flat: Flatten <- input,
        last: Add <- (square, gate, flat, relu),
    }
}

network! {
    /// Two inputs and two outputs.
    struct Ends: (state: [3], action: [2]) -> (value: [1], policy: [2]) as f64 {
        body: Linear<_, 4> <- state,
        act: Tanh,
        both: Concat <- (act, action),
        value: Linear<_, 1>,
        policy: Linear<_, 2> <- both,
    }
}

network! {
    /// Several segments: large activations with few weights, then many weights, with connections
    /// across.
    struct Segments: [16, 16, 8] -> [4] {
        conv: Conv2d<_, 32, 3, Pad<1>>,
        Relu,
        small: MaxPool2d<4>,
        flat: Flatten,
        wide: Linear<_, 512>,
        Relu,
        narrow: Linear<_, 512>,
        both: Add <- (flat, narrow),
        Relu,
        again: Reshape<4, 4, 32>,
        conv2: Conv2d<_, 32, 3, Pad<1>>,
        third: Add <- (conv2, small),
        Flatten,
        head: Linear<_, 4>,
        pooled: GlobalAvgPool2d <- conv,
        short: Linear<_, 4>,
        Add <- (head, short),
    }
}

network! {
    /// The last reader of the input reads it twice.
    struct Square: [3] -> [3] as f64 {
        fc: Linear<_, 3>,
        Mul <- (input, fc, input),
    }
}

network! {
    /// Blocks that read another output than the one before them.
    struct Blocks: [3] -> [10] as f64 {
        a: Tanh,
        b: Linear<_, 4>,
        c: Concat { x: Linear<_, 2>, skip: {} } <- a,
        d: Residual { Linear<_, 4>, Tanh } <- b,
        e: Repeat<2> { Linear<_, 4>, Sigmoid } <- b,
        f: Mul <- (d, e),
        g: Split { m: Tanh, n: Linear<_, 2> } <- input,
        pair: Both,
        Concat <- (c, f, pair),
    }
}

network! {
    struct Both: (m: [3], n: [2]) -> [1] as f64 {
        Concat <- (n, m),
        Linear<_, 1>,
    }
}

network! {
    /// A layer of several inputs that is not built in.
    struct Gated: (text: [3], user: [2]) -> [3] as f64 {
        words: Linear<_, 3> <- text,
        who: Tanh <- user,
        once: Bilinear<3, 2> <- (words, who),
        twice: Bilinear<3, 3> <- (once, once),
        Add <- (twice, text),
    }
}

#[test]
fn gradients_are_right() {
    check_network::<Square>(3);
    check_network::<Gated>(3);
    check_network::<Blocks>(3);
    check_network::<Skip>(3);
    check_network::<Readers>(3);
    check_network::<Ends>(3);
}

#[test]
fn outputs_are_those_of_the_formula() {
    let net = Readers::init(&mut shapewright::rng(1));
    let x = crate::common::random::<Rank2<3, 2>, f64>(1, 2).remove(0);

    let flat: Vec<f64> = x.as_slice().to_vec();
    let fc: Vec<f64> = (0..6)
        .map(|o| {
            let terms = (0..6).map(|i| flat[i] * net.fc.weight[i][o]);
            terms.sum::<f64>() + net.fc.bias[o]
        })
        .collect();
    let wanted: Vec<f64> = (0..6)
        .map(|i| {
            let relu = fc[i].max(0.0);
            let tanh = (relu + fc[i]).tanh();
            let gate = 1.0 / (1.0 + (-fc[i]).exp());
            tanh * tanh + gate + flat[i] + relu
        })
        .collect();

    let found = net.forward(&x);
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
    }
}

#[test]
fn batches_and_single_samples_agree() {
    let net = Segments::init(&mut shapewright::rng(3));
    let x = crate::common::random::<Rank3<16, 16, 8>, f32>(70, 4);
    let mut y = vec![Tensor1::zeros(); x.len()];
    net.forward_batch(&x, &mut y);
    let mut workspace = Segments::workspace();
    let pass = net.forward_train(&x, &mut workspace);

    for (i, (x, y)) in x.iter().zip(&y).enumerate() {
        let trained = &pass.outputs()[i];
        for (one, (&many, trained)) in net.forward(x).iter().zip(y.iter().zip(trained)) {
            assert!((one - many).abs() < 1e-4, "sample {i}: {one} {many}");
            assert!(
                (trained - many).abs() < 1e-4,
                "sample {i}: {trained} {many}"
            );
        }
    }
}

/// The same network as a block and as wiring.
#[test]
fn blocks_are_wiring() {
    network! {
        struct Block: [6] -> [6] as f64 {
            Residual { fc1: Linear<_, 9>, Gelu, fc2: Linear<_, 6> },
            Concat { a: Linear<_, 2>, b: { Linear<_, 3>, Tanh }, skip: {} },
            head: Linear<_, 6>,
        }
    }
    network! {
        struct Wired: [6] -> [6] as f64 {
            fc1: Linear<_, 9>,
            Gelu,
            fc2: Linear<_, 6>,
            sum: Add <- (fc2, input),
            a: Linear<_, 2>,
            b: Linear<_, 3> <- sum,
            c: Tanh,
            Concat <- (a, c, sum),
            head: Linear<_, 6>,
        }
    }
    let block = Block::init(&mut shapewright::rng(5));
    let mut wired = Wired::zeros();
    let numbers = |net: &Block| {
        let mut numbers = Vec::new();
        net.for_each_param(|_, _, values| numbers.extend_from_slice(values));
        numbers
    };
    let mut left = numbers(&block).into_iter();
    wired.for_each_param_mut(|_, _, values| {
        values.fill_with(|| left.next().expect("as many parameters"));
    });

    let x = crate::common::random(5, 6);
    let targets = crate::common::random(5, 7);
    let mut gradients = (Block::zeros(), Wired::zeros());
    let mut workspaces = (Block::workspace(), Wired::workspace());
    let mut pass = block.forward_train(&x, &mut workspaces.0);
    let block_loss = pass.loss(&Mse, &targets);
    pass.backward(&mut gradients.0);
    let mut pass = wired.forward_train(&x, &mut workspaces.1);
    let wired_loss = pass.loss(&Mse, &targets);
    pass.backward(&mut gradients.1);

    assert!((block_loss - wired_loss).abs() < 1e-12);
    let mut of_wired = Vec::new();
    gradients
        .1
        .for_each_param(|_, _, values| of_wired.extend_from_slice(values));
    for (a, b) in numbers(&gradients.0).iter().zip(&of_wired) {
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
}

#[test]
fn several_inputs_and_outputs_are_tuples() {
    let mut net = Ends::zeros();
    net.value.bias = [7.0];
    net.policy.weight[4] = [1.0, 0.0];
    net.policy.weight[5] = [0.0, 1.0];
    let x = Tensor::from_slice(&[1.0, 2.0, 3.0, 40.0, 50.0]).expect("five numbers");
    assert_eq!(net.forward(&x).as_slice(), [7.0, 40.0, 50.0]);
}

#[test]
fn tables_tell_what_layers_read() {
    let rows: Vec<&str> = Ends::LAYERS.iter().map(|layer| layer.layer).collect();
    assert_eq!(
        rows,
        [
            "input state",
            "input action",
            "body: Linear<_, 4> <- state",
            "act: Tanh",
            "both: Concat <- (act, action)",
            "value: Linear<_, 1>",
            "policy: Linear<_, 2> <- both",
            "output (value, policy)",
        ]
    );

    let summary = Ends::summary().to_string();
    let lines: Vec<&str> = summary.lines().collect();
    assert_eq!(lines[0], "Ends: ([3], [2]) -> ([1], [2]), f64");
    assert_eq!(
        lines[4],
        "  body: Linear<_, 4> <- state    [4]                 16             12"
    );
    assert_eq!(
        lines[9],
        "  output (value, policy)         ([1], [2])           0              0"
    );
}

network! {
    /// A language model whose head is its embedding.
    struct Tied: [3] -> [3, 5] as f64 {
        embed: Embedding<5, 4>,
        body: Linear<_, 4>,
        Tanh,
        #[tied(embed)]
        head: Unembedding<_, 5>,
    }
}

network! {
    /// The same layer on two inputs.
    struct Siamese: (left: [3], right: [3]) -> [2] as f64 {
        fc: Linear<_, 4> <- left,
        a: Tanh,
        #[tied(fc)]
        same: Linear<_, 4> <- right,
        b: Tanh,
        Mul <- (a, b),
        Linear<_, 2>,
    }
}

#[test]
fn shared_parameters_have_the_gradients_of_all_layers() {
    let indices = [[0.0, 3.0, 4.0], [1.0, 1.0, 2.0]].map(Tensor::from);
    crate::common::gradient::check_network_of_indices::<Tied>(indices.to_vec());
    check_network::<Siamese>(3);
}

#[test]
fn shared_parameters_are_there_once() {
    let net = Tied::init(&mut shapewright::rng(1));
    let mut names = Vec::new();
    net.for_each_param(|name, sizes, _| names.push(format!("{name} {sizes:?}")));
    assert_eq!(
        names,
        ["embed.weight [5, 4]", "body.weight [4, 4]", "body.bias [4]"]
    );
    assert_eq!(Tied::PARAMS, 5 * 4 + 4 * 4 + 4);
    let parameters: Vec<usize> = Tied::summary()
        .layers
        .iter()
        .map(|row| row.params)
        .collect();
    assert_eq!(parameters, [20, 20, 0, 0]);
}

#[test]
fn a_frozen_layer_has_no_gradient_from_those_that_share_it() {
    let net = Siamese::init(&mut shapewright::rng(1));
    let mut gradient = Siamese::zeros();
    let mut workspace = Siamese::workspace();
    workspace.train_from(shapewright::layer!(Siamese, layer_5));
    let x = crate::common::random(2, 3);

    for _ in 0..2 {
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&Mse, &[Tensor::ones(), Tensor::ones()]);
        pass.backward(&mut gradient);
    }
    assert_eq!(gradient.fc.bias, [0.0; 4]);
    assert_ne!(gradient.layer_5.bias, [0.0; 2]);
}
