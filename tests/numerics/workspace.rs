//! Earlier contents of memory, the number of threads and the cut of a batch do not change results.

use crate::common::layers::{Scale, Swish};
use crate::common::{In, Out, bits, random, settings};
use num_traits::Float;
use shapewright::prelude::*;
use shapewright::{
    ext::{
        BackwardInPlace, BackwardInput, FeatureOrder, Forward, ForwardInPlace, InPlace, Infer,
        Inferred, Layer, ShapeRule, Train,
    },
    tensor::Element,
    threads,
};

network! { pub struct Inner: [24] -> [24] { fc: Linear<_, 24>, Tanh, Dropout(0.2) } }
// Every kind of layer, large enough to be cut over threads for five or more samples.
network! { struct Net: [64] -> [8] {
    Dropout(0.1), fc: Linear<_, 768>, Relu, Linear<_, 24>, Gelu, inner: Inner, Swish, scale: Scale<_>,
    Reshape<4, 6>, Softmax, Linear<_, 6, NoBias>, Sigmoid, Dropout(0.3), Relu, Flatten, Linear<_, 8>, Linear<_, 8>
} }
network! { struct Double: [64] -> [8] as f64 {
    fc: Linear<_, 768>, Relu, Dropout, Linear<_, 16>, Gelu, Linear<_, 8>, Linear<_, 8>, Tanh
} }

/// Lengths of batches: below, at and above those where work is cut.
const BATCHES: [usize; 6] = [1, 5, 6, 64, 65, 67];

/// Returns everything that some steps compute: outputs, input gradients and the parameters at the
/// end.
fn train<N: Trainable>(
    workspace: &mut Workspace<N>,
    batches: &[usize],
    before: impl Fn(&mut Workspace<N>),
) -> Vec<u64> {
    let (mut net, mut gradient) = (N::init(&mut shapewright::rng(3)), N::zeros());
    let mut adam = Adam::new(0.01).state::<N>();
    workspace.reseed(11);

    let mut results = Vec::new();
    for (step, &batch) in batches.iter().enumerate() {
        let (x, g): (Vec<In<N>>, Vec<Out<N>>) = (random(batch, step as u64), random(batch, 99));
        before(workspace);

        let mut pass = net.forward_train(&x, workspace);
        results.extend(bits(Tensor::flatten(pass.outputs())));
        pass.output_gradients_mut().copy_from_slice(&g);
        results.extend(bits(Tensor::flatten(
            pass.backward_with_input(&mut gradient),
        )));
        adam.step(&mut net, &gradient);
    }

    results.extend(bits(net.params()));
    results
}

fn infer<N: Trainable>(net: &N, x: &[In<N>]) -> Vec<u64> {
    let mut y = vec![Out::<N>::full(N::Element::nan()); x.len()];
    net.forward_batch(x, &mut y);
    bits(Tensor::flatten(&y))
}

/// Earlier contents of memory: bytes of zero, bytes of 0xff (a NaN), a NaN, a large number.
fn dirt<T: Element>() -> [T; 4] {
    let all_ones = if size_of::<T>() == 4 {
        f64::from(f32::from_bits(u32::MAX))
    } else {
        f64::from_bits(u64::MAX)
    };
    [
        T::zero(),
        T::from_f64_lossy(all_ones),
        T::nan(),
        T::max_value(),
    ]
}

fn old_memory_does_not_matter<N: Trainable>() {
    let mut workspace = N::workspace();
    let batches = [65, 1, 6];
    let clean = train(&mut workspace, &batches, |_| {});
    for value in dirt::<N::Element>() {
        let dirty = train(&mut workspace, &batches, |workspace| {
            workspace.fill_with(value)
        });
        assert!(
            clean == dirty,
            "{} depends on {value} in its workspace",
            N::NAME
        );
    }
}

#[test]
fn earlier_contents_of_a_workspace_do_not_change_training() {
    settings().every_tier(|_| old_memory_does_not_matter::<Net>());
    old_memory_does_not_matter::<Double>();
}

#[test]
fn earlier_contents_of_scratch_do_not_change_inference() {
    settings().every_tier(|_| {
        let net = Net::init(&mut shapewright::rng(3));
        // In a thread of its own the scratch is new.
        for (batch, x) in [1, 65].map(|batch| (batch, random(batch, 0))) {
            let clean = std::thread::scope(|scope| {
                scope.spawn(|| infer(&*net, &x)).join().expect("inference")
            });

            for value in dirt() {
                // Leaves the value in all of the scratch that the next call uses.
                let mut dirty = Net::zeros();
                dirty.params_mut()[..Net::PARAMS].fill(value);
                infer(&*dirty, &vec![Tensor1::full(value); batch]);

                assert!(
                    infer(&*net, &x) == clean,
                    "a batch of {batch} depends on {value} in the scratch"
                );
            }
        }
    });
}

#[test]
fn a_batch_is_the_same_after_others() {
    let net = Net::init(&mut shapewright::rng(3));
    let mut workspace = Net::workspace();

    let run = |workspace: &mut Workspace<Net>, batch: usize| {
        let (x, targets) = (random(batch, 5), random::<_, f32>(batch, 6));
        let mut gradient = Net::zeros();
        workspace.reseed(2);

        let mut pass = net.forward_train(&x, workspace);
        let loss = pass.loss(&Mse, &targets);
        let dx = bits(Tensor::flatten(pass.backward_with_input(&mut gradient)));
        (loss.to_bits(), dx, bits(gradient.params()))
    };

    let _settings = settings();
    for batch in [3, 67, 1, 64, 5, 67, 2] {
        assert!(
            run(&mut workspace, batch) == run(&mut Net::workspace(), batch),
            "a batch of {batch}"
        );
    }

    let empty = run(&mut workspace, 0);
    assert!(
        empty.1.is_empty() && empty.2.iter().all(|&bits| bits == 0),
        "an empty batch has no gradient"
    );
}

#[test]
fn output_gradients_are_zero_until_they_are_set() {
    let net = Net::init(&mut shapewright::rng(3));
    let (mut workspace, mut gradient) = (Net::workspace(), Net::init(&mut shapewright::rng(4)));
    let x = random(3, 1);
    workspace.reserve(3);
    workspace.fill_with(f32::NAN);
    let _settings = settings();
    let mut pass = net.forward_train(&x, &mut workspace);
    assert_eq!(Tensor::flatten(pass.output_gradients_mut()), [0.0; 3 * 8]);
    pass.backward(&mut gradient);
    gradient.for_each_param(|name, _, values| assert!(values.iter().all(|&g| g == 0.0), "{name}"));
}

fn threads_do_not_matter<N: Trainable>() {
    assert!(
        N::MACS * BATCHES[1] >= 1 << 18,
        "{} is not cut over threads",
        N::NAME
    );

    let net = N::init(&mut shapewright::rng(3));
    let x: Vec<In<N>> = random(130, 1);

    let run = |count| {
        threads::set_threads(count);
        let steps = train(
            &mut N::workspace(),
            &[5, 65, 6, 7, 8, 9, 10, 11, 12, 13],
            |_| {},
        );
        let batches = BATCHES.into_iter().chain([129, 130]);
        (
            steps,
            batches
                .map(|batch| infer(&*net, &x[..batch]))
                .collect::<Vec<_>>(),
        )
    };

    let one = run(1);
    for count in [2, 3] {
        let (steps, outputs) = run(count);
        assert!(steps == one.0, "training {} with {count} threads", N::NAME);
        for (batch, (found, wanted)) in BATCHES
            .iter()
            .chain(&[129, 130])
            .zip(outputs.iter().zip(&one.1))
        {
            assert!(
                found == wanted,
                "forward_batch of {batch} by {} with {count} threads",
                N::NAME
            );
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let settings = settings();
    settings.every_tier(|tier| {
        println!("{tier}");
        threads_do_not_matter::<Net>();
    });
    // The kernels of f64 are the same in every tier.
    threads_do_not_matter::<Double>();
}

/// The weight gradient of one large layer and the step of many parameters are cut over threads too.
#[test]
fn threads_do_not_matter_to_large_layers() {
    network! { struct Wide: [300] -> [400] { Linear<_, 400> } }
    // Cut in two, the weight gradient has a part of one row.
    network! { struct Few: [3] -> [500] { Linear<_, 500> } }

    let settings = settings();
    settings.every_tier(|tier| {
        let run = |count| {
            threads::set_threads(count);
            (
                train(&mut Wide::workspace(), &[3, 1, 7], |_| {}),
                train(&mut Few::workspace(), &[200], |_| {}),
            )
        };

        let one = run(1);
        for count in [2, 3] {
            let found = run(count);
            assert!(found.0 == one.0, "Wide with {count} threads on {tier}");
            assert!(found.1 == one.1, "Few with {count} threads on {tier}");
        }
    });
}

#[test]
fn threads_do_not_matter_to_products_of_matrices() {
    // 33 rows are cut into 17 and 16, 11 each; 3 into 2 and 1.
    fn product<const M: usize, const K: usize, const N: usize, T: Element>() -> Vec<u64> {
        let mut c = Tensor2::<M, N, T>::zeros_boxed();
        let number =
            |[i, j]: [usize; 2]| T::from_f64_lossy(((7 * i + 13 * j) % 41) as f64 * 0.37 - 7.0);

        Tensor2::<M, K, T>::from_fn_boxed(number)
            .matmul_into(&*Tensor2::from_fn_boxed(number), &mut c);
        bits(c.as_slice())
    }

    let settings = settings();
    settings.every_tier(|tier| {
        let run = |count| {
            threads::set_threads(count);
            [
                product::<33, 200, 170, f32>(),
                product::<3, 700, 510, f32>(),
                product::<3, 700, 510, f64>(),
            ]
        };

        let one = run(1);
        [2, 3]
            .iter()
            .for_each(|&count| assert!(run(count) == one, "{count} threads on {tier}"));
    });
}

#[test]
fn two_halves_accumulate_to_the_whole() {
    network! { struct Plain: [24] -> [3] { Linear<_, 30>, Tanh, scale: Scale<_>, Inner30, Linear<_, 3> } }
    network! { struct Inner30: [30] -> [9] { Linear<_, 9>, Relu } }

    let net = Plain::init(&mut shapewright::rng(3));
    let x: Vec<Tensor1<24>> = random(20, 1);
    let targets: Vec<Label<3>> = (0..20)
        .map(|i| Label::new(i % 3).expect("a class"))
        .collect();
    let (mut workspace, mut whole, mut halves) =
        (Plain::workspace(), Plain::zeros(), Plain::zeros());

    let loss = CrossEntropy.reduction(Reduction::Sum);
    let _settings = settings();
    let mut part = |range: std::ops::Range<usize>, gradient: &mut Plain, accumulate: bool| {
        let mut pass = net.forward_train(&x[range.clone()], &mut workspace);
        let value = pass.loss(&loss, &targets[range]);
        if accumulate {
            pass.backward_accumulate(gradient)
        } else {
            pass.backward(gradient)
        }
        value
    };

    let all = part(0..20, &mut whole, false);
    let first = part(0..12, &mut halves, false);
    let second = part(12..20, &mut halves, true);
    assert!((all - first - second).abs() < 1e-5 * all);

    let wanted: Vec<f64> = whole.params().iter().map(|&x| f64::from(x)).collect();
    crate::common::assert_close("the sum of two halves", halves.params(), &wanted, 1e-6);
    assert!(wanted.iter().any(|&x| x.abs() > 0.1));
}

/// Dropout draws anew in each step, and the same for the same seed and step.
#[test]
fn dropout_depends_on_seed_and_step_alone() {
    network! { struct Noise: [200] -> [200] { Dropout(0.25) } }

    let net = Noise::zeros();
    let x = vec![Tensor1::ones(); 50];
    let mut workspace = Noise::workspace();

    let mut step = |seed: Option<u64>| {
        seed.into_iter().for_each(|seed| workspace.reseed(seed));
        let pass = net.forward_train(&x, &mut workspace);
        Tensor::flatten(pass.outputs()).to_vec()
    };

    let (first, second) = (step(Some(4)), step(None));
    assert_ne!(first, second);
    assert_ne!(step(Some(5)), first);
    assert_eq!((step(Some(4)), step(None)), (first.clone(), second));

    // Samples differ, 10000 draws hit the probability to 4 standard deviations, and the mean is
    // kept.
    assert_ne!(first[..200], first[200..400]);
    let dropped = first.iter().filter(|&&y| y == 0.0).count();
    assert!(
        (2500 - 174..2500 + 174).contains(&dropped),
        "{dropped} dropped"
    );
    assert!(first.iter().all(|&y| y == 0.0 || y == 1.0 / 0.75));

    // Inference drops nothing.
    assert_eq!(net.forward(&x[0]), x[0]);
}

/// Two dropouts of one network drop independently, also if one of them is in a nested network.
#[test]
fn dropouts_of_one_network_differ() {
    network! { struct Half: [1000] -> [1000] { Dropout } }
    network! { struct Quarter: [1000] -> [1000] { Dropout(0.5), Dropout(0.5) } }
    network! { struct Nested: [1000] -> [1000] { Half, Half } }
    fn kept<N: Trainable>() -> usize {
        let (net, mut workspace) = (N::zeros(), N::workspace());
        let x = vec![Tensor::<N::Input, N::Element>::ones(); 10];
        let pass = net.forward_train(&x, &mut workspace);
        Tensor::flatten(pass.outputs())
            .iter()
            .filter(|&&y| y != num_traits::zero())
            .count()
    }
    // Four standard deviations of 10000 draws.
    assert!((5000 - 200..5000 + 200).contains(&kept::<Half>()));
    assert!((2500 - 174..2500 + 174).contains(&kept::<Quarter>()));
    assert!((2500 - 174..2500 + 174).contains(&kept::<Nested>()));
}

/// The square root, whose backward reads the outputs although the layer says that it does not: in
/// place, and with outputs of its own.
struct Root;
struct RootApart;

impl<In: Shape> ShapeRule<In> for Root {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl<In: Shape> ShapeRule<In> for RootApart {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl InPlace for Root {
    type Config = ();
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const READS_OUTPUT: bool = false;

    fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
        let ForwardInPlace { y, .. } = call;
        y.iter_mut().for_each(|y| *y = y.map(|y| y.sqrt()));
    }

    fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
        let BackwardInPlace { y, dy, .. } = call;
        let y = y.iter().flatten();
        dy.iter_mut()
            .flatten()
            .zip(y)
            .for_each(|(dy, &y)| *dy /= y + y);
    }
}

impl<T: Element> Layer<T> for RootApart {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for RootApart {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward { x, y, .. } = call;
        x.iter().zip(y).for_each(|(x, y)| *y = x.map(|x| x.sqrt()));
    }
}

impl<S: Shape, T: Element> Train<S, S, T> for RootApart {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput { y, dy, dx, .. } = call;
        for ((dx, dy), y) in dx.into_iter().flatten().zip(dy).zip(y) {
            dx.fill_with(|i| dy.as_slice()[i] / (y.as_slice()[i] + y.as_slice()[i]));
        }
    }
}

/// The last layer of a network, one whose outputs another overwrites, and the last of the layers
/// within a network and within a block.
#[test]
fn outputs_that_a_layer_does_not_say_it_reads_are_not_there() {
    network! { struct Last: [2] -> [2] { Linear<_, 2>, Root } }
    network! { struct Overwritten: [2] -> [2] { Linear<_, 2>, Root, Root, Tanh } }
    network! { struct Apart: [2] -> [2] { Linear<_, 2>, RootApart, Tanh } }
    network! { struct Around: [2] -> [2] { inner: Last } }
    network! { struct Residuals: [2] -> [2] { Residual { Linear<_, 2>, RootApart } } }
    network! { struct Repeated: [2] -> [2] { Repeat<2> { Linear<_, 2>, Root } } }

    fn backward<N: Trainable<Element = f32>>() {
        let thread = std::thread::spawn(|| {
            let net = N::init(&mut shapewright::rng(0));
            let (mut gradient, mut workspace) = (N::zeros(), N::workspace());
            let x = Tensor::<N::Input>::zeros_vec(2);
            net.forward_train(&x, &mut workspace)
                .backward(&mut gradient);
        });
        let panic = thread.join().expect_err("the outputs are not there");
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panic.downcast_ref::<&str>().copied());
        assert!(text.is_some_and(|text| text.contains("READS_OUTPUT")));
    }
    backward::<Last>();
    backward::<Overwritten>();
    backward::<Apart>();
    backward::<Around>();
    backward::<Residuals>();
    backward::<Repeated>();
}
