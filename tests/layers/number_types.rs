//! Layers with parameters and memory of other number types than the network's.

use crate::common::gradient::check_network;
use crate::common::layers::Scale;
use crate::common::{bits, random};
use num_traits::cast;
use shapewright::ext::{
    BackwardInput, BackwardParams, Buffer, FeatureOrder, Forward, ForwardTrain, INFER, Infer,
    Inferred, Layer, Needs, ShapeRule, Train,
};
use shapewright::optim::ParamGroup;
use shapewright::prelude::*;
use shapewright::tensor::{BF16, Dims, Element, F16, Number, Rank0, Rank1, Rank2, Rank4};

/// A linear layer with 8-bit weights and a scale for each output, for inference.
pub struct Quantized<const I: usize, const O: usize>;

/// The same layer with a backward pass for its inputs. It is not trained.
pub struct QuantizedInside<const I: usize, const O: usize>;

#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct QuantizedParams<const I: usize, const O: usize, T: Element> {
    #[params(features, axes(1, 0))]
    pub weight: Buffer<Rank2<I, O>, i8, T>,
    #[params(outputs)]
    pub scale: [T; O],
    #[params(outputs)]
    pub bias: [T; O],
}

impl<const I: usize, const O: usize, T: Element> QuantizedParams<I, O, T> {
    fn weight(&self, i: usize, o: usize) -> T {
        cast(self.weight[[i, o]]).expect("8 bits in any float")
    }

    fn forward<In: Shape, Out: Shape>(&self, x: &[Tensor<In, T>], y: &mut [Tensor<Out, T>]) {
        for (x, y) in x.iter().zip(y) {
            let x = x.as_slice();
            y.fill_with(|o| {
                let sum: T = (0..I).map(|i| x[i] * self.weight(i, o)).sum();
                sum * self.scale[o] + self.bias[o]
            });
        }
    }
}

macro_rules! quantized {
    ($layer:ident) => {
        impl<In: Shape, const I: usize, const O: usize> ShapeRule<In> for $layer<I, O> {
            const OUTPUT: Inferred = {
                let inputs = if I == INFER { In::DIMS.size(0) } else { I };
                Inferred::takes(Dims::new(&[inputs]), In::DIMS, Dims::new(&[O])).infers(inputs)
            };
        }

        impl<T: Element, const I: usize, const O: usize> Layer<T> for $layer<I, O> {
            type Config = ();
            type Params = QuantizedParams<I, O, T>;
        }

        impl<In: Shape, Out: Shape, T: Element, const I: usize, const O: usize> Infer<In, Out, T>
            for $layer<I, O>
        {
            const ORDER: FeatureOrder = FeatureOrder::Makes;
            const MULTIPLY_ADDS: usize = I * O;
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                call.params.forward(call.x, call.y);
            }
        }
    };
}
quantized!(Quantized);
quantized!(QuantizedInside);

impl<In: Shape, Out: Shape, T: Element, const I: usize, const O: usize> Train<In, Out, T>
    for QuantizedInside<I, O>
{
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput { params, dy, dx, .. } = call;
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            let dy = dy.as_slice();
            dx.fill_with(|i| {
                (0..O)
                    .map(|o| dy[o] * params.scale[o] * params.weight(i, o))
                    .sum()
            });
        }
    }

    fn backward_params(_: BackwardParams<'_, Self, In, Out, T>) {}
}

/// Multiplies by a learned number, and holds tensors of all number types.
pub struct Shelf;

#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct ShelfParams<T: Element> {
    pub f64: Buffer<Rank1<2>, f64, T>,
    pub i64: Buffer<Rank0, i64, T>,
    pub u64: Buffer<Rank1<3>, u64, T>,
    #[params(axes(1, 3, 0, 2))]
    pub i8: Buffer<Rank4<1, 3, 1, 3>, i8, T>,
    pub u8: Buffer<Rank1<3>, u8, T>,
    #[params(axes(1, 0))]
    pub i16: Buffer<Rank2<3, 5>, i16, T>,
    pub u16: Buffer<Rank0, u16, T>,
    pub f16: Buffer<Rank1<3>, F16, T>,
    pub factor: [T; 1],
    pub bf16: [Buffer<Rank1<3>, BF16, T>; 2],
    pub u32: Buffer<Rank1<3>, u32, T>,
    pub i32: Buffer<Rank0, i32, T>,
    pub f32: Buffer<Rank1<6>, f32, T>,
    pub none: Buffer<Rank1<0>, i8, T>,
}

/// Calls a macro with each buffer of a shelf.
macro_rules! with_buffers {
    ($params:expr, $call:ident) => {{
        let params = $params;
        $call!(params.f64, f64);
        $call!(params.i64, i64);
        $call!(params.u64, u64);
        $call!(params.i8, i8);
        $call!(params.u8, u8);
        $call!(params.i16, i16);
        $call!(params.u16, u16);
        $call!(params.f16, F16);
        $call!(params.bf16[0], BF16);
        $call!(params.bf16[1], BF16);
        $call!(params.u32, u32);
        $call!(params.i32, i32);
        $call!(params.f32, f32);
    }};
}

/// Conversions of a number from and to its bytes, in little-endian order.
trait Bytes: Number {
    fn of_bytes(bytes: [u8; 8]) -> Self;
    fn bytes(self) -> Vec<u8>;
}

macro_rules! bytes {
    ($($t:ty),*) => { $(
        impl Bytes for $t {
            fn of_bytes(bytes: [u8; 8]) -> Self {
                <$t>::from_le_bytes(*bytes.first_chunk().expect("at most 8 bytes"))
            }
            fn bytes(self) -> Vec<u8> {
                self.to_le_bytes().to_vec()
            }
        }
    )* };
}
bytes!(f64, i64, u64, i8, u8, i16, u16, u32, i32, f32);

macro_rules! half_bytes {
    ($($t:ty),*) => { $(
        impl Bytes for $t {
            fn of_bytes(bytes: [u8; 8]) -> Self {
                <$t>::from_bits(u16::from_le_bytes([bytes[0], bytes[1]]))
            }
            fn bytes(self) -> Vec<u8> {
                self.to_bits().to_le_bytes().to_vec()
            }
        }
    )* };
}
half_bytes!(F16, BF16);

impl<T: Element> ShelfParams<T> {
    /// Fills the buffers with bits that arithmetic on them as `f32` or `f64` changes: those of
    /// denormal numbers, of NaN of both kinds, of infinity, and others, in turn.
    fn fill(&mut self) {
        const PATTERNS: [u32; 8] = [
            0x7f80_0001,
            0x0000_0001,
            0xffff_ffff,
            0x807f_ffff,
            0x7ff0_0000,
            0xfff0_0001,
            0x3f80_0000,
            0x8000_0000,
        ];

        let mut next = 0;
        let mut number = || {
            let mut bytes = [0; 8];
            for half in bytes.chunks_exact_mut(4) {
                half.copy_from_slice(&PATTERNS[next % PATTERNS.len()].to_le_bytes());
                next += 1;
            }
            next += 3;
            bytes
        };

        macro_rules! fill {
            ($buffer:expr, $t:ty) => {
                $buffer
                    .iter_mut()
                    .for_each(|x| *x = <$t as Bytes>::of_bytes(number()))
            };
        }

        with_buffers!(&mut *self, fill);
    }

    /// Returns the bytes of all buffers.
    fn bytes(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        macro_rules! push {
            ($buffer:expr, $t:ty) => {
                all.push(
                    $buffer
                        .as_slice()
                        .iter()
                        .flat_map(|x| x.bytes())
                        .collect::<Vec<u8>>(),
                )
            };
        }
        with_buffers!(self, push);
        all
    }
}

impl<In: Shape> ShapeRule<In> for Shelf {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Shelf {
    type Config = ();
    type Params = ShelfParams<T>;

    fn initialize<R: rand::Rng + ?Sized>(_: &(), params: &mut Self::Params, _: &mut R) {
        params.factor = [T::one()];
        params.fill();
    }
}

impl<S: Shape, T: Element> Infer<S, S, T> for Shelf {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { params, x, y, .. } = call;
        x.iter()
            .zip(y)
            .for_each(|(x, y)| *y = x.map(|x| x * params.factor[0]));
    }
}

impl<S: Shape, T: Element> Train<S, S, T> for Shelf {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput { params, dy, dx, .. } = call;
        for (dx, dy) in dx.into_iter().flatten().zip(dy) {
            *dx = dy.map(|dy| dy * params.factor[0]);
        }
    }

    fn backward_params(call: BackwardParams<'_, Self, S, S, T>) {
        let BackwardParams {
            x, dy, gradient, ..
        } = call;
        for (x, dy) in x.iter().zip(dy) {
            gradient.factor[0] += x.dot(dy);
        }
    }
}

/// Divides by one and the sum of the squares, which it keeps in `f64` in any network, as it does
/// the number of elements that were not zero.
pub struct Damp;

impl<In: Shape> ShapeRule<In> for Damp {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Damp {
    type Config = ();
    type Params = ();
}

impl Damp {
    fn forward<S: Shape, T: Element>(
        x: &[Tensor<S, T>],
        y: &mut [Tensor<S, T>],
        factors: &mut [f64],
        counts: &mut [u16],
    ) {
        for (((x, y), factor), count) in x.iter().zip(y).zip(factors).zip(counts) {
            let wide = |x: &T| x.to_f64().expect("a float");
            *count = x.iter().filter(|x| **x != T::zero()).count() as u16;
            *factor = 1.0 / (1.0 + x.iter().map(wide).map(|x| x * x).sum::<f64>());
            *y = x.map(|x| T::from_f64_lossy(wide(&x) * *factor));
        }
    }
}

impl<S: Shape, T: Element> Infer<S, S, T> for Damp {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.per_sample::<f64>(1).per_sample::<u16>(1);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward {
            x, y, mut scratch, ..
        } = call;
        let factors = scratch.take(1);
        Damp::forward(x, y, factors, scratch.take(1));
    }
}

impl<S: Shape, T: Element> Train<S, S, T> for Damp {
    const READS_OUTPUT: bool = false;

    fn forward_train(call: ForwardTrain<'_, Self, S, S, T>) {
        let ForwardTrain {
            x, y, mut cache, ..
        } = call;
        let factors = cache.take(1);
        Damp::forward(x, y, factors, cache.take(1));
    }

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput {
            x,
            dy,
            dx,
            mut cache,
            ..
        } = call;
        let factors = cache.take::<f64>(1);
        let counts = cache.take::<u16>(1);
        for (i, dx) in dx.into_iter().flatten().enumerate() {
            let (x, dy) = (&x[i], &dy[i]);
            let nonzero = x.iter().filter(|x| **x != T::zero()).count();
            assert_eq!(usize::from(counts[i]), nonzero);

            let along = x.dot(dy).to_f64().expect("a float");
            dx.fill_with(|j| {
                let x = x.as_slice()[j].to_f64().expect("a float");
                let dy = dy.as_slice()[j].to_f64().expect("a float");
                T::from_f64_lossy(factors[i] * (dy - 2.0 * factors[i] * x * along))
            });
        }
    }
}

network! { struct Int8: [3] -> [5] { fc: Quantized<_, 5> } }
network! { struct Int8Double: [3] -> [5] as f64 { fc: Quantized<_, 5> } }
network! {
    #[derive(Clone, Debug, PartialEq)]
    struct Mixed: [4] -> [3] {
        first: Linear<_, 3>, Tanh, inside: QuantizedInside<_, 5>, shelf: Shelf, last: Linear<_, 3>,
    }
}
network! {
    #[derive(Clone, Debug, PartialEq)]
    struct MixedDouble: [4] -> [3] as f64 {
        first: Linear<_, 3>, Tanh, inside: QuantizedInside<_, 5>, shelf: Shelf, last: Linear<_, 3>,
    }
}
network! {
    #[derive(Clone, Debug)]
    struct Everywhere: [3] -> [4] {
        Residual { a: QuantizedInside<_, 3>, shelf: Shelf, shortcut: { QuantizedInside<_, 3> } },
        repeat: Repeat<2> { QuantizedInside<_, 7>, Scale<_>, back: QuantizedInside<_, 3> },
        Concat { left: QuantizedInside<_, 1>, right: { shelf: Shelf } },
        nested: Nested,
    }
}
network! { #[derive(Clone, Debug)] struct Nested: [4] -> [4] { QuantizedInside<_, 4>, norm: BatchNorm1d<_>, Shelf } }

/// Sets the parameters of a quantized layer, which depend on `seed`.
fn set<const I: usize, const O: usize, T: Element>(
    params: &mut QuantizedParams<I, O, T>,
    seed: usize,
) {
    params
        .weight
        .fill_with(|i| ((i + seed) * 89 % 256) as u8 as i8);
    params.scale = core::array::from_fn(|o| T::from_f64_lossy(0.002 * (o + seed + 1) as f64));
    params.bias = core::array::from_fn(|o| T::from_f64_lossy(0.1 * o as f64 - 0.2));
}

/// Returns a network whose buffers are filled.
fn mixed() -> Box<Mixed> {
    let mut net = Mixed::init(&mut shapewright::rng(1));
    set(&mut net.inside, 3);
    net
}

fn everywhere() -> Box<Everywhere> {
    let mut net = Everywhere::init(&mut shapewright::rng(1));
    set(&mut net.layer_0.a, 1);
    set(&mut net.layer_0.shortcut.layer_0, 2);
    for (i, repeat) in net.repeat.iter_mut().enumerate() {
        set(&mut repeat.layer_0, 3 + i);
        set(&mut repeat.back, 5 + i);
    }
    set(&mut net.layer_2.left, 7);
    set(&mut net.nested.layer_0, 8);
    net
}

/// Returns the bytes of all tensors of other types in the network `everywhere`.
fn buffers(net: &Everywhere) -> Vec<Vec<u8>> {
    let of = |weight: &[i8]| weight.iter().map(|w| *w as u8).collect::<Vec<u8>>();
    let mut all = vec![
        of(net.layer_0.a.weight.as_slice()),
        of(net.layer_0.shortcut.layer_0.weight.as_slice()),
        of(net.layer_2.left.weight.as_slice()),
        of(net.nested.layer_0.weight.as_slice()),
    ];
    for repeat in &net.repeat {
        all.push(of(repeat.layer_0.weight.as_slice()));
        all.push(of(repeat.back.weight.as_slice()));
    }
    all.extend(net.layer_0.shelf.bytes());
    all.extend(net.layer_2.right.shelf.bytes());
    all.extend(net.nested.layer_2.bytes());
    all
}

/// Computes a quantized layer in `f64`.
fn reference<const I: usize, const O: usize, T: Element>(
    params: &QuantizedParams<I, O, T>,
    x: &[f64],
) -> Vec<f64> {
    let wide = |x: T| x.to_f64().expect("a float");
    (0..O)
        .map(|o| {
            let weight = params.weight.as_array();
            let sum: f64 = (0..I).map(|i| x[i] * f64::from(weight[i][o])).sum();
            sum * wide(params.scale[o]) + wide(params.bias[o])
        })
        .collect()
}

#[test]
fn a_quantized_layer_computes_what_its_weights_say() {
    let mut net = Int8::zeros();
    set(&mut net.fc, 0);
    let mut double = Int8Double::zeros();
    set(&mut double.fc, 0);

    let x: Vec<Tensor1<3>> = random(100, 2);
    let mut y = vec![Tensor1::zeros(); 100];
    net.forward_batch(&x, &mut y);
    for (x, y) in x.iter().zip(&y) {
        let wide = x.map(f64::from);
        let expected = reference(&net.fc, wide.as_slice());
        for (y, expected) in y.iter().zip(&expected) {
            assert!((f64::from(*y) - expected).abs() < 1e-6, "{y} {expected}");
        }
        assert_eq!(net.forward(x), *y);

        let y = double.forward(&wide);
        let expected = reference(&double.fc, wide.as_slice());
        for (y, expected) in y.iter().zip(&expected) {
            assert!((y - expected).abs() < 1e-13, "{y} {expected}");
        }
    }
}

#[test]
fn buffers_are_counted_and_not_trainable() {
    assert_eq!((Int8::PARAMS, Int8::TRAINABLE_PARAMS), (25, 10));
    assert_eq!(<QuantizedParams<3, 5, f32> as Parameters<f32>>::LEN, 4 + 10);
    assert_eq!(<QuantizedParams<3, 5, f64> as Parameters<f64>>::LEN, 2 + 10);
    assert_eq!(size_of::<Buffer<Rank1<5>, i8>>(), 8);
    assert_eq!(size_of::<Buffer<Rank1<5>, i8, f64>>(), 8);
    assert_eq!(size_of::<Buffer<Rank1<3>, F16>>(), 8);
    assert_eq!(size_of::<Buffer<Rank1<3>, f64>>(), 24);

    let text = Int8::summary().to_string();
    let expected = "Int8: [3] -> [5], f32\n  \
        layer                 output  parameters  multiply-adds\n  \
        fc: Quantized<_, 5>  [5]             25             15\n  \
        total                                25             15\n  \
        trainable                            10               \n\
        bytes: 55 of parameters; per sample 0 for inference, ";
    assert!(
        text.replace("layer                ", "layer                 ")
            .starts_with(expected),
        "{text}"
    );
}

#[test]
fn copies_have_the_same_bits() {
    let net = mixed();
    let inside = *net.inside.weight;
    let shelf = net.shelf.bytes();
    let check = |copy: &Mixed| {
        assert_eq!(*copy.inside.weight, inside);
        assert_eq!(copy.shelf.bytes(), shelf);
        assert_eq!(copy.first, net.first);
        assert_eq!(copy.shelf.factor, net.shelf.factor);
    };
    check(&net.to_boxed());
    check(&net.clone());
    let moved: Mixed = *net.clone();
    check(&Box::new(moved));

    let mut other = net.clone();
    // NaN is not equal to itself.
    for net in [&mut other.shelf, &mut net.clone().shelf] {
        net.f64.fill_with(|_| 0.5);
    }
    other.inside.weight[[2, 4]] = 5;
    assert_ne!(other.inside, net.inside);
    let text = format!("{:?}", other.inside.weight);
    assert!(text.starts_with("Tensor [3, 5] i8 [["), "{text}");
    assert!(format!("{other:?}").contains("Tensor [3] u32 ["));
}

#[test]
fn initial_values_and_visitors_pass_over_buffers() {
    let mut net = mixed();
    let bytes = net.shelf.bytes();
    let inside = *net.inside.weight;
    shapewright::init::constant(&mut *net, 0.25);
    assert_eq!(net.shelf.bytes(), bytes);
    assert_eq!(*net.inside.weight, inside);
    assert_eq!((net.shelf.factor, net.inside.scale), ([0.25], [0.25; 5]));

    let mut names = Vec::new();
    net.for_each_param(|name, sizes, values| {
        assert!(values.iter().all(|x| *x == 0.25));
        names.push(format!("{name} {sizes:?}"));
    });
    assert_eq!(
        names,
        [
            "first.weight [4, 3]",
            "first.bias [3]",
            "inside.scale [5]",
            "inside.bias [5]",
            "shelf.factor [1]",
            "last.weight [5, 3]",
            "last.bias [3]",
        ]
    );
}

/// The gradients of a mixed network agree with differences, and those of buffers are zero.
#[test]
fn gradients_pass_through_a_quantized_layer() {
    let mut net = MixedDouble::init(&mut shapewright::rng(1));
    set(&mut net.inside, 3);
    let x: Vec<Tensor1<4, f64>> = random(5, 2);
    let weights: Vec<Tensor1<3, f64>> = random(5, 3);
    let mut workspace = MixedDouble::workspace();

    let mut gradient = MixedDouble::zeros();
    set(&mut gradient.inside, 9);
    gradient.shelf.fill();
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.output_gradients_mut().copy_from_slice(&weights);
    pass.backward(&mut gradient);
    let sum = gradient.inside.weight.iter().map(|w| i32::from(*w)).sum();
    assert_eq!((sum, gradient.inside.scale), (0, [0.0; 5]));
    let bytes = gradient.shelf.bytes();
    assert!(bytes.iter().flatten().all(|byte| *byte == 0), "{bytes:?}");

    let mut loss = |net: &MixedDouble| -> f64 {
        let pass = net.forward_train(&x, &mut workspace);
        let dots = pass.outputs().iter().zip(&weights).map(|(y, w)| y.dot(w));
        dots.sum()
    };
    let mut check = |of: fn(&mut MixedDouble) -> &mut f64| {
        let middle = *of(&mut net);
        *of(&mut net) = middle + 1e-5;
        let above = loss(&net);
        *of(&mut net) = middle - 1e-5;
        let below = loss(&net);
        *of(&mut net) = middle;
        let slope = (above - below) / 2e-5;
        let found = *of(&mut gradient);
        assert!(
            (found - slope).abs() < 1e-8 && slope != 0.0,
            "{found} {slope}"
        );
    };
    check(|net| &mut net.first.weight[1][2]);
    check(|net| &mut net.first.bias[0]);
    check(|net| &mut net.shelf.factor[0]);
    check(|net| &mut net.last.weight[4][1]);
}

network! { struct Damped: [6] -> [3] as f64 { fc: Linear<_, 5>, Damp, Tanh, head: Linear<_, 3> } }
network! { struct DampedSingle: [6] -> [3] { fc: Linear<_, 5>, Damp, Tanh, head: Linear<_, 3> } }

#[test]
fn memory_of_other_types_is_kept_until_backward() {
    for batch in [1, 2, 7, 65] {
        check_network::<Damped>(batch);
    }

    // In `f32`, the gradient is nearly that of `f64`.
    let single = DampedSingle::init(&mut shapewright::rng(1));
    let mut double = Damped::zeros();
    let both = double.params_mut().iter_mut().zip(single.params());
    both.for_each(|(wide, x)| *wide = f64::from(*x));
    let x: Vec<Tensor1<6>> = random(33, 2);
    let targets: Vec<Tensor1<3>> = random(33, 3);

    let (mut gradient, mut workspace) = (DampedSingle::zeros(), DampedSingle::workspace());
    let mut pass = single.forward_train(&x, &mut workspace);
    let difference = pass.outputs()[4] - single.forward(&x[4]);
    assert!(difference.iter().all(|d| d.abs() < 1e-6));
    pass.loss(&Mse, &targets);
    pass.backward(&mut gradient);

    let (mut expected, mut workspace) = (Damped::zeros(), Damped::workspace());
    let x: Vec<_> = x.iter().map(|x| x.map(f64::from)).collect();
    let targets: Vec<_> = targets.iter().map(|t| t.map(f64::from)).collect();
    let mut pass = double.forward_train(&x, &mut workspace);
    pass.loss(&Mse, &targets);
    pass.backward(&mut expected);
    for (g, expected) in gradient.params().iter().zip(expected.params()) {
        assert!((f64::from(*g) - expected).abs() < 1e-6, "{g} {expected}");
    }
}

/// Trains with an optimizer, a penalty, clipping and averages, and compares the bits.
fn check_optimizer<O: Optimizer + Sync>(optimizer: O) {
    let mut net = everywhere();
    let expected = buffers(&net);
    let mut state = optimizer
        .state::<Everywhere>()
        .scale(layer!(Everywhere, nested), 0.5)
        .freeze(layer!(Everywhere, layer_0.a))
        .freeze(layer!(Everywhere, nested.layer_2.u32));
    let mut averages = [
        WeightAverage::<Everywhere>::ema(0.5),
        WeightAverage::ema_corrected(0.9),
        WeightAverage::swa(),
    ];

    let mut gradient = Everywhere::zeros();
    let mut workspace = Everywhere::workspace();
    let x: Vec<Tensor1<3>> = random(9, 1);
    let targets: Vec<Tensor1<4>> = random(9, 2);
    let factor = net.layer_0.shelf.factor;
    let mean = net.nested.norm.running_mean;
    for _ in 0..3 {
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&Mse, &targets);
        pass.backward(&mut gradient);
        let whole: ParamGroup<Everywhere> = layer!(Everywhere);
        let one = l1_penalty(&*net, whole, 1e-3, &mut *gradient);
        let two = l2_penalty(&*net, whole, 1e-3, &mut *gradient);
        assert!(one.is_finite() && two.is_finite() && one > 0.0 && two > 0.0);
        clip_grad_value(&mut *gradient, 0.5);
        let norm = clip_grad_norm(&mut *gradient, 0.1).expect("a finite norm");
        assert!(norm > 0.0);
        state.step(&mut net, &gradient);
        averages.iter_mut().for_each(|average| average.update(&net));
    }

    assert_ne!(net.layer_0.shelf.factor, factor);
    assert_ne!(net.nested.norm.running_mean, mean);
    assert_eq!(buffers(&net), expected);
    for average in &averages {
        assert_eq!(buffers(average.network()), expected);
        assert_ne!(average.network().layer_0.shelf.factor, factor);
    }
    let zeros = buffers(&Everywhere::zeros());
    for state in state.states() {
        let mut kept = Everywhere::zeros();
        kept.params_mut().copy_from_slice(state);
        assert_eq!(buffers(&kept), zeros);
    }

    // A state that is restored from a snapshot continues in the same way.
    let mut other = state.clone();
    let mut copy = net.to_boxed();
    other.restore(&state.snapshot()).expect("the same network");
    state.step(&mut net, &gradient);
    other.step(&mut copy, &gradient);
    assert_eq!(buffers(&net), buffers(&copy));
    let numbers = |net: &Everywhere| {
        let mut all = Vec::new();
        net.for_each_param(|_, _, values| all.extend(bits(values)));
        all
    };
    assert_eq!(numbers(&net), numbers(&copy));
}

#[test]
fn optimizers_leave_the_bits_of_buffers_alone() {
    check_optimizer(Sgd::new(0.1).momentum(0.9).weight_decay(0.1));
    check_optimizer(Adam::new(0.01).weight_decay(0.1));
    check_optimizer(AdamW::new(0.01));
    check_optimizer(Lion::new(0.01).weight_decay(0.1));
    check_optimizer(RmsProp::new(0.01));
    check_optimizer(Adagrad::new(0.01));
}

#[test]
fn a_trainer_leaves_the_bits_of_buffers_alone_and_resumes() {
    let folder = std::env::temp_dir().join(format!("shapewright-buffers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("run.checkpoint");
    let _ = std::fs::remove_file(&path);

    let (x, y): (Vec<Tensor1<3>>, Vec<Tensor1<4>>) = (random(24, 1), random(24, 2));
    let trainer = |epochs| {
        Everywhere::trainer(Adam::new(0.01), Mse)
            .epochs(epochs)
            .batch_size(6)
            .accumulate(2)
            .seed(3)
            .validate(&x, &y)
            .early_stopping(9)
            .average(WeightAverage::ema(0.5))
            .clip_grad_norm(0.5)
            .l2_penalty(layer!(Everywhere), 1e-3)
    };
    let mut net = everywhere();
    let expected = buffers(&net);
    trainer(4).fit(&mut net, &x, &y).expect("a training");
    assert_eq!(buffers(&net), expected);
    assert_ne!(net.layer_0.shelf.factor, [1.0]);

    let mut resumed = everywhere();
    let stop = |step: &shapewright::train::Step, _: &Everywhere| {
        if step.step == 5 {
            core::ops::ControlFlow::Break(())
        } else {
            core::ops::ControlFlow::Continue(())
        }
    };
    trainer(4)
        .checkpoint(&path)
        .on_step(stop)
        .fit(&mut resumed, &x, &y)
        .expect("a training");
    // The bits come from the file, as this network does not have them.
    let mut resumed = Everywhere::init(&mut shapewright::rng(7));
    trainer(4)
        .checkpoint(&path)
        .resume(true)
        .fit(&mut resumed, &x, &y)
        .expect("a training");
    assert_eq!(buffers(&resumed), expected);
    net.for_each_param(|name, _, values| {
        resumed.for_each_param(|other, _, resumed| {
            assert!(name != other || bits(values) == bits(resumed), "{name}");
        });
    });
    std::fs::remove_dir_all(folder).expect("the folder");
}

#[test]
fn groups_may_have_buffers() {
    let net = mixed();
    let group: ParamGroup<Mixed> = layer!(Mixed, first);
    assert_eq!(group.of(&net).len(), 15);
    assert_eq!(layer!(Mixed, shelf.factor).of(&net), net.shelf.factor);

    let mut state = Adam::new(0.1)
        .state::<Mixed>()
        .freeze(layer!(Mixed, inside));
    let mut workspace = Mixed::workspace();
    workspace.follow(&state);
    workspace.eval(layer!(Mixed, inside));
    let (mut net, mut gradient) = (mixed(), Mixed::zeros());
    let bytes = net.shelf.bytes();
    let (x, targets) = (random(3, 1), random(3, 2));
    let mut pass = net.forward_train(&x, &mut workspace);
    pass.loss(&Mse, &targets);
    pass.backward(&mut gradient);
    state.step(&mut net, &gradient);
    assert_eq!(net.shelf.bytes(), bytes);
}

#[test]
#[should_panic(expected = "is a `Buffer` with padding behind its numbers")]
fn a_group_with_padding_is_no_slice() {
    layer!(Mixed, inside).of(&mixed());
}

/// Buffers that fill whole numbers of the network's type are part of its slice.
#[test]
fn without_padding_the_parameters_are_a_slice() {
    network! { struct Whole: [4] -> [2] { fc: Quantized<_, 2>, shelf: Quantized<2, 2> } }
    let mut net = Whole::zeros();
    set(&mut net.fc, 5);
    let bits = u32::from_le_bytes([0, 1, 2, 3].map(|i| net.fc.weight.as_slice()[i] as u8));
    assert_eq!(net.params()[0].to_bits(), bits);
    net.params_mut()[0] = f32::from_bits(0x7f80_0001);
    assert_eq!(net.fc.weight.as_slice()[..4], [1, 0, -128, 127]);
    assert_eq!(net.params()[2..4], net.fc.scale);

    // If there is padding, exclusive access sets it to zeros.
    let mut net = mixed();
    let before = net.shelf.bytes();
    let first = net.first;
    let params = net.params_mut();
    assert_eq!(params[..12], *first.weight.as_flattened());
    assert!(params.len() > Mixed::TRAINABLE_PARAMS);
    assert_eq!(net.shelf.bytes(), before);
}

#[cfg(feature = "safetensors")]
mod files {
    use super::*;
    use shapewright::include_weights;
    use shapewright::weights::{DifferenceKind, LoadErrorKind, Loader, Saver};

    /// A table with half precision.
    #[derive(Clone, Copy, Debug, PartialEq, Parameters)]
    #[repr(C)]
    pub struct TableParams {
        rows: Buffer<Rank2<2, 3>, F16>,
        counts: Buffer<Rank1<2>, u32>,
    }

    /// Adds the first row of a table.
    pub struct Table;

    impl<In: Shape> ShapeRule<In> for Table {
        const OUTPUT: Inferred = Inferred::takes(Dims::new(&[3]), In::DIMS, Dims::new(&[3]));
    }
    impl Layer<f32> for Table {
        type Config = ();
        type Params = TableParams;
    }
    impl Infer<Rank1<3>, Rank1<3>, f32> for Table {
        const ORDER: FeatureOrder = FeatureOrder::Depends;
        fn forward(call: Forward<'_, Self, Rank1<3>, Rank1<3>, f32>) {
            let Forward { params, x, y, .. } = call;
            for (x, y) in x.iter().zip(y) {
                *y = Tensor::from_position(|i| x[i] + params.rows[[0, i]].to_f32());
            }
        }
    }

    network! { #[derive(Debug)] struct InFile: [3] -> [5] { table: Table, fc: Quantized<_, 5> } }

    const FILE: &[u8] = include_bytes!("../reference/number_types.safetensors");
    static INCLUDED: &InFile = include_weights!("../reference/number_types.safetensors" as InFile);

    /// The formulas of `make_number_types.py`.
    fn check(net: &InFile) {
        for o in 0..5 {
            for i in 0..3 {
                let expected = ((o * 3 + i) * 37 + 11) % 256 - 128;
                assert_eq!(i32::from(net.fc.weight[[i as usize, o as usize]]), expected);
            }
        }
        assert_eq!(net.fc.scale, [0.5, 0.01, 1.0, 0.125, 0.003]);
        assert_eq!(net.fc.bias, [0.0, 1.0, -2.0, 0.1, 5.0]);
        assert_eq!(net.table.counts.as_slice(), [7, 4_000_000_000]);
        let rows = net.table.rows.map(F16::to_bits);
        let expected = [0.1, -2.5, 65504.0, 1e-7, 3.0, -0.0].map(|x| F16::from_f32(x).to_bits());
        assert_eq!(rows.as_slice(), expected);

        let x = Tensor1::from([0.3, -0.7, 0.001]);
        let table = [0.099_975_586, -2.5, 65504.0];
        let x64: [f64; 3] = core::array::from_fn(|i| f64::from(x[i]) + table[i]);
        let y = net.forward(&x);
        for (y, expected) in y.iter().zip(reference(&net.fc, &x64)) {
            let error = (f64::from(*y) - expected).abs();
            assert!(error < 1e-6 * expected.abs().max(1.0), "{y} {expected}");
        }
    }

    #[test]
    fn files_of_other_programs_are_read() {
        let mut net = InFile::zeros();
        net.load_from(&Loader::from_bytes(FILE).expect("a file"))
            .expect("the weights");
        check(&net);
        check(INCLUDED);
        assert_eq!(
            Loader::from_bytes(FILE)
                .expect("a file")
                .tensors()
                .map(|(_, number, _)| number)
                .collect::<Vec<_>>(),
            ["F32", "F32", "I8", "U32", "F16"]
        );

        // The same numbers are written, each at a multiple of its size.
        let written = net.to_safetensors(&[]);
        let mut same = InFile::zeros();
        same.load_from(&Loader::from_bytes(&written).expect("a file"))
            .expect("the weights");
        check(&same);
    }

    #[test]
    fn files_have_the_bits_and_aligned_numbers() {
        let net = everywhere();
        let bytes = net.to_safetensors(&[("made", "here")]);
        let mut same = Everywhere::zeros();
        let loader = Loader::from_bytes(&bytes).expect("a file");
        same.load_from(&loader).expect("the weights");
        assert_eq!(buffers(&same), buffers(&net));
        assert_eq!(same.to_safetensors(&[("made", "here")]), bytes);

        let header = u64::from_le_bytes(*bytes.first_chunk().expect("a header")) as usize;
        let header = str::from_utf8(&bytes[8..8 + header]).expect("JSON");
        let mut seen = 0;
        for entry in header.split(r#""dtype":""#).skip(1) {
            let (number, rest) = entry.split_once('"').expect("a type");
            let digits = number.trim_start_matches(|c: char| !c.is_ascii_digit());
            let size: usize = digits.parse::<usize>().expect("bits") / 8;
            let (_, offsets) = rest.split_once(r#""data_offsets":["#).expect("offsets");
            let (begin, _) = offsets.split_once(',').expect("two");
            assert!(begin.parse::<usize>().expect("a number") % size == 0);
            seen += 1;
        }
        assert_eq!(seen, loader.tensors().count());

        let shapes: Vec<_> = loader
            .tensors()
            .filter(|(name, ..)| name.starts_with("nested.2."))
            .map(|(name, number, sizes)| format!("{name} {number} {sizes:?}"))
            .collect();
        assert_eq!(
            shapes,
            [
                "nested.2.bf16.0 BF16 [3]",
                "nested.2.bf16.1 BF16 [3]",
                "nested.2.f16 F16 [3]",
                "nested.2.f32 F32 [6]",
                "nested.2.f64 F64 [2]",
                "nested.2.factor F32 [1]",
                "nested.2.i16 I16 [5, 3]",
                "nested.2.i32 I32 []",
                "nested.2.i64 I64 []",
                "nested.2.i8 I8 [3, 3, 1, 1]",
                "nested.2.none I8 [0]",
                "nested.2.u16 U16 []",
                "nested.2.u32 U32 [3]",
                "nested.2.u64 U64 [3]",
                "nested.2.u8 U8 [3]",
            ]
        );

        // The bits of a network of another type are the same.
        let mut single = mixed();
        let mut double = MixedDouble::zeros();
        let bytes = single.to_safetensors(&[]);
        let only = |name: &str| name.starts_with("shelf");
        // Tensors of the network's type are converted, and `f32` and `f64` on the shelf are not.
        let loader = Loader::from_bytes(&bytes).expect("a file").only(only);
        double.load_from(&loader).expect("the weights");
        assert_eq!(double.shelf.bytes(), single.shelf.bytes());
        assert_eq!(double.shelf.factor, [1.0]);
        single.shelf = ShelfParams {
            ..Mixed::zeros().shelf
        };
        let bytes = double.to_safetensors(&[]);
        let loader = Loader::from_bytes(&bytes).expect("a file").only(only);
        single.load_from(&loader).expect("the weights");
        assert_eq!(double.shelf.bytes(), single.shelf.bytes());
    }

    #[test]
    fn parts_may_have_other_number_types() {
        let net = mixed();
        let scaler = shapewright::data::StandardScaler::fit(&random::<Rank1<3>, f64>(5, 1))
            .expect("numbers");
        let file = Saver::new()
            .part("net", &*net)
            .part("scaler", &scaler)
            .to_bytes();
        let loader = Loader::from_bytes(&file).expect("a file");
        let same: Box<Mixed> = loader.part("net").load().expect("the network");
        let same_scaler: Box<shapewright::data::StandardScaler<Rank1<3>, f64>> =
            loader.part("scaler").load().expect("the scaler");
        assert_eq!(same.shelf.bytes(), net.shelf.bytes());
        assert_eq!(*same_scaler, scaler);
    }

    #[test]
    fn another_number_type_is_refused() {
        network! { struct Float: [3] -> [5] { fc: Linear<_, 5> } }
        network! { struct Bytes: [3] -> [5] { fc: Quantized<_, 5> } }
        let mut net = Bytes::zeros();
        set(&mut net.fc, 4);
        let before = *net.fc.weight;

        let bytes = Float::zeros().to_safetensors(&[]);
        let loader = Loader::from_bytes(&bytes)
            .expect("a file")
            .only(|name| name == "fc.weight");
        let error = net.load_from(&loader).expect_err("another type");
        assert!(
            error
                .to_string()
                .contains("\n- `fc.weight` is of F32; convert it to I8\n"),
            "{error}"
        );
        let LoadErrorKind::Differs(differences) = error.kind else {
            panic!("differences")
        };
        let expected = DifferenceKind::Type {
            expected: "I8",
            found: "F32",
        };
        assert_eq!(differences[0].kind, expected);
        assert_eq!(*net.fc.weight, before);

        let bytes = net.to_safetensors(&[]);
        let loader = Loader::from_bytes(&bytes)
            .expect("a file")
            .only(|name| name == "fc.weight");
        let error = Float::zeros().load_from(&loader).expect_err("bytes");
        assert!(
            error
                .to_string()
                .contains("`fc.weight` is of I8; convert it to F32, F64, F16 or BF16"),
            "{error}"
        );
    }

    /// Behind a `Flatten`, files have the features in PyTorch's order, also those of 8 bits.
    #[test]
    fn features_have_pytorchs_order() {
        network! { struct Image: [2, 3, 2] -> [1] { Flatten, fc: Quantized<_, 1> } }
        network! { struct Plain: [12] -> [1] { fc: Quantized<_, 1> } }
        let mut net = Image::zeros();
        net.fc.weight.fill_with(|i| i as i8);
        let bytes = net.to_safetensors(&[]);
        let mut plain = Plain::zeros();
        plain
            .load_from(&Loader::from_bytes(&bytes).expect("a file"))
            .expect("the weights");
        assert_eq!(
            plain.fc.weight.as_slice(),
            [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]
        );
        let mut same = Image::zeros();
        same.load_from(&Loader::from_bytes(&bytes).expect("a file"))
            .expect("the weights");
        assert_eq!(same.fc, net.fc);
    }
}
