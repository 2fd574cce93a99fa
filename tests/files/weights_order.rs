//! The order of features in weight files: in images, channels are last here and first in PyTorch.
#![cfg(feature = "safetensors")]

use std::collections::BTreeMap;

use shapewright::prelude::*;
use shapewright::weights::Loader;

const HEIGHT: usize = 2;
const WIDTH: usize = 3;
const CHANNELS: usize = 4;
const FEATURES: usize = HEIGHT * WIDTH * CHANNELS;

network! {
    struct OfImages: [HEIGHT, WIDTH, CHANNELS] -> [5] {
        Relu,
        Flatten,
        Dropout(0.1),
        slopes: PRelu<_>,
        Tanh,
        batch: BatchNorm1d<_>,
        layer: LayerNorm,
        fc: Linear<_, FEATURES>,
        own: PRelu<_>,
        head: Linear<_, 5>,
    }
}

// The same layers on flat inputs, for which nothing is reordered.
network! {
    struct OfFeatures: [FEATURES] -> [5] {
        Relu,
        Flatten,
        Dropout(0.1),
        slopes: PRelu<_>,
        Tanh,
        batch: BatchNorm1d<_>,
        layer: LayerNorm,
        fc: Linear<_, FEATURES>,
        own: PRelu<_>,
        head: Linear<_, 5>,
    }
}

/// Returns the tensors of a file by their names.
fn read(bytes: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let header_len = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + header_len]).unwrap();
    let data = &bytes[8 + header_len..];

    let tensors = header
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "__metadata__");
    let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;

    tensors
        .map(|(name, entry)| {
            let sizes = entry["shape"]
                .as_array()
                .unwrap()
                .iter()
                .map(number)
                .collect();
            let (begin, end) = (
                number(&entry["data_offsets"][0]),
                number(&entry["data_offsets"][1]),
            );
            let numbers = data[begin..end]
                .chunks(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()));

            (name.clone(), (sizes, numbers.collect()))
        })
        .collect()
}

#[test]
fn features_of_images_are_in_pytorchs_order_in_files() {
    let net = OfImages::init(&mut shapewright::rng(0));
    let mut slopes = net.to_boxed();
    (0..FEATURES).for_each(|i| slopes.slopes.weight[i] = i as f32);
    slopes.batch.running_mean = slopes.slopes.weight;
    slopes.layer.bias = slopes.slopes.weight;
    let bytes = slopes.to_safetensors(&[]);
    let file = read(&bytes);
    assert_eq!(file["fc.weight"].0, [FEATURES, FEATURES]);
    for (c, y, x) in (0..CHANNELS)
        .flat_map(|c| (0..HEIGHT).flat_map(move |y| (0..WIDTH).map(move |x| (c, y, x))))
    {
        // Channels are first in the file, and last here.
        let (there, here) = ((c * HEIGHT + y) * WIDTH + x, (y * WIDTH + x) * CHANNELS + c);
        for name in ["slopes.weight", "batch.running_mean", "layer.bias"] {
            assert_eq!(file[name].1[there], here as f32, "{name}");
        }
        for o in 0..FEATURES {
            assert_eq!(
                file["fc.weight"].1[o * FEATURES + there],
                net.fc.weight[here][o]
            );
            // Behind a dense layer, the order is the same in both.
            assert_eq!(file["own.weight"].1[o], net.own.weight[o]);
        }
    }
    assert_eq!(file["head.weight"].1[FEATURES], net.head.weight[0][1]);

    let mut loaded = OfImages::zeros();
    loaded
        .load_from(&Loader::from_bytes(&bytes).unwrap())
        .unwrap();
    assert_eq!(loaded.params(), slopes.params());
    const COUNT: usize = shapewright::emitted::count::<OfImages>();
    let constant = shapewright::emitted::included::<OfImages, COUNT>("net", &bytes);
    assert_eq!(constant.params(), slopes.params());

    // With the same numbers in memory and flat inputs, the file is the plain transpose.
    let mut flat = OfFeatures::zeros();
    flat.params_mut().copy_from_slice(slopes.params());
    let file = read(&flat.to_safetensors(&[]));
    for (i, o) in (0..FEATURES).flat_map(|i| (0..FEATURES).map(move |o| (i, o))) {
        assert_eq!(file["fc.weight"].1[o * FEATURES + i], flat.fc.weight[i][o]);
        assert_eq!(file["slopes.weight"].1[i], i as f32);
    }
}

#[test]
fn the_order_goes_into_blocks_and_nested_networks() {
    network! { struct Inner: [8] -> [8] { fc: Linear<_, 8> } }

    network! {
        struct Net: [2, 2, 2] -> [16] {
            Flatten,
            block: Residual { fc: Linear<_, 8>, Relu, out: Linear<_, 8> },
            Reshape<2, 2, 2>,
            Flatten,
            both: Concat { inner: Inner, outer: { Tanh, fc: Linear<_, 8> } },
        }
    }

    let net = Net::init(&mut shapewright::rng(0));
    let bytes = net.to_safetensors(&[]);
    let file = read(&bytes);

    // The second number in the file is the first channel of the second pixel, which is the third
    // number here.
    let (there, here) = (1, 2);
    assert_eq!(
        file["block.fc.weight"].1[there],
        net.block.fc.weight[here][0]
    );
    assert_eq!(file["block.out.weight"].1[1], net.block.out.weight[1][0]);
    assert_eq!(
        file["both.outer.fc.weight"].1[there],
        net.both.outer.fc.weight[here][0]
    );
    assert_eq!(
        file["both.inner.fc.weight"].1[there],
        net.both.inner.fc.weight[here][0]
    );

    // What is added to features has their order.
    assert_eq!(file["block.out.bias"].1[there], net.block.out.bias[here]);

    let mut loaded = Net::zeros();
    loaded
        .load_from(&Loader::from_bytes(&bytes).unwrap())
        .unwrap();
    assert_eq!(loaded.params(), net.params());
}

/// A network in a list, and its layers in the list itself, have the same files.
#[test]
fn the_order_goes_into_nested_networks_with_several_inputs() {
    fn file<N: Trainable<Element = f32>>() -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
        let mut net = N::zeros();
        let mut next = 0.0;
        net.for_each_param_mut(|_, _, values| {
            values.fill_with(|| {
                next += 1.0;
                next
            });
        });
        let bytes = net.to_safetensors(&[]);
        let mut loaded = N::zeros();
        loaded
            .load_from(&Loader::from_bytes(&bytes).unwrap())
            .unwrap();
        assert_eq!(loaded.params(), net.params());
        read(&bytes)
    }
    fn check<Nested: Trainable<Element = f32>, Wired: Trainable<Element = f32>>() {
        let nested = file::<Nested>().into_iter();
        let nested: BTreeMap<_, _> = nested
            .map(|(name, tensor)| (name.replace("inner.", "").replace("core.", ""), tensor))
            .collect();
        assert_eq!(nested, file::<Wired>());
    }

    network! {
        struct Scores: (picture: [2, 3, 4], speed: [2]) -> [3] {
            seen: Conv2d<_, 2, 1> <- picture,
            flat: Flatten,
            both: Concat <- (flat, speed),
            fc: Linear<_, 4>,
            Tanh,
            head: Linear<_, 3>,
        }
    }
    // An image that is given, and one that is made of features.
    network! {
        struct Given: (picture: [2, 3, 4], speed: [2]) -> [3] {
            inner: Scores <- (picture, speed),
        }
    }
    check::<Given, Scores>();
    network! {
        struct Made: [5] -> [3] {
            wide: Linear<_, 24>,
            picture: Reshape<2, 3, 4>,
            speed: Linear<_, 2> <- input,
            inner: Scores <- (picture, speed),
        }
    }
    network! {
        struct MadeWired: [5] -> [3] {
            wide: Linear<_, 24>,
            picture: Reshape<2, 3, 4>,
            speed: Linear<_, 2> <- input,
            seen: Conv2d<_, 2, 1> <- picture,
            flat: Flatten,
            both: Concat <- (flat, speed),
            fc: Linear<_, 4>,
            Tanh,
            head: Linear<_, 3>,
        }
    }
    check::<Made, MadeWired>();

    // Features of an image.
    network! {
        struct OfBoth: (a: [24], b: [2]) -> [3] {
            left: Linear<_, 3> <- a,
            right: Linear<_, 3> <- b,
            Add <- (left, right),
        }
    }
    network! {
        struct Flat: [2, 3, 4] -> [3] {
            image: Relu,
            features: Flatten,
            mean: GlobalAvgPool2d <- image,
            two: Linear<_, 2>,
            inner: OfBoth <- (features, two),
        }
    }
    network! {
        struct FlatWired: [2, 3, 4] -> [3] {
            image: Relu,
            features: Flatten,
            mean: GlobalAvgPool2d <- image,
            two: Linear<_, 2>,
            left: Linear<_, 3> <- features,
            right: Linear<_, 3> <- two,
            Add <- (left, right),
        }
    }
    check::<Flat, FlatWired>();

    // The features of an image are wanted behind the network, and not before it.
    network! {
        struct Core: (a: [4], b: [24]) -> [24] {
            up: Linear<_, 24> <- a,
            fc: Linear<_, 24> <- b,
            Add <- (up, fc),
        }
    }
    network! { struct Unnamed: ([4], [24]) -> [24] { Dropout, core: Core } }
    network! {
        struct Wanted: [5] -> [2, 3, 1] {
            a: Linear<_, 4>,
            b: Linear<_, 24> <- input,
            inner: Unnamed <- (a, b),
            Reshape<2, 3, 4>,
            conv: Conv2d<_, 1, 1>,
        }
    }
    network! {
        struct WantedNamed: [5] -> [2, 3, 1] {
            a: Linear<_, 4>,
            b: Linear<_, 24> <- input,
            inner: Core <- (a, b),
            Reshape<2, 3, 4>,
            conv: Conv2d<_, 1, 1>,
        }
    }
    network! {
        struct WantedWired: [5] -> [2, 3, 1] {
            a: Linear<_, 4>,
            b: Linear<_, 24> <- input,
            up: Linear<_, 24> <- a,
            fc: Linear<_, 24> <- b,
            Add <- (up, fc),
            Reshape<2, 3, 4>,
            conv: Conv2d<_, 1, 1>,
        }
    }
    check::<Wanted, WantedWired>();
    check::<WantedNamed, WantedWired>();

    // Sequences, whose channels are first in PyTorch only where a layer works on them.
    network! {
        struct OfRows: (rows: [4, 3], b: [2]) -> [3] {
            conv: Conv1d<_, 2, 2> <- rows,
            flat: Flatten,
            all: Concat <- (flat, b),
            fc: Linear<_, 3>,
        }
    }
    network! { struct Rows: (rows: [4, 3], b: [2]) -> [3] { inner: OfRows <- (rows, b) } }
    check::<Rows, OfRows>();
    network! {
        struct AsTheyAre: (rows: [4, 3], b: [2]) -> [3] {
            flat: Flatten <- rows,
            all: Concat <- (flat, b),
            fc: Linear<_, 3>,
        }
    }
    network! { struct Around: (rows: [4, 3], b: [2]) -> [3] { inner: AsTheyAre <- (rows, b) } }
    check::<Around, AsTheyAre>();
}

#[test]
fn sequences_have_channels_where_a_layer_before_works_on_them() {
    network! {
        struct Heard: [6, 2] -> [3] {
            Residual { conv: Conv1d<_, 2, 3, Pad<1>>, Relu },
            MaxPool1d<2>,
            Flatten,
            fc: Linear<_, 3>,
        }
    }

    // A dense layer on the last axis is the same in PyTorch, so nothing is reordered.
    network! { struct Read: [3, 2] -> [3] { Linear<_, 2>, Flatten, fc: Linear<_, 3> } }

    let (heard, read_) = (
        Heard::init(&mut shapewright::rng(0)),
        Read::init(&mut shapewright::rng(0)),
    );
    let (first, second) = (
        read(&heard.to_safetensors(&[])),
        read(&read_.to_safetensors(&[])),
    );

    assert_eq!(first["fc.weight"].1[1], heard.fc.weight[2][0]);
    assert_eq!(second["fc.weight"].1[1], read_.fc.weight[1][0]);
}

#[test]
fn weights_of_several_axes_have_the_order_of_what_they_normalize() {
    /// Returns the shape of `norm.weight` in the file, the position here of each of its numbers,
    /// and the marks in the file.
    fn of<N: Trainable<Element = f32>>() -> (Vec<usize>, Vec<usize>, Vec<String>) {
        let mut net = N::zeros();
        net.for_each_param_mut(|name, _, numbers| {
            if name == "norm.weight" {
                (0..numbers.len()).for_each(|i| numbers[i] = i as f32);
            }
        });

        let mut file = read(&net.to_safetensors(&[]));
        let (shape, numbers) = file.remove("norm.weight").unwrap();
        let marks = file
            .into_keys()
            .filter(|name| name.ends_with(".channels_last"));
        (
            shape,
            numbers.into_iter().map(|x| x as usize).collect(),
            marks.collect(),
        )
    }

    /// Returns the positions of numbers with the last of these axes first.
    fn last_first(sizes: &[usize]) -> Vec<usize> {
        let (channels, len) = (sizes[sizes.len() - 1], sizes.iter().product::<usize>());
        (0..channels)
            .flat_map(|c| (c..len).step_by(channels))
            .collect()
    }

    macro_rules! check {
        ($($input:tt -> $output:tt $layers:tt: $shape:expr, $order:ident, $marks:expr;)*) => { $( {
            network! { struct Net: $input -> $output $layers }
            let (shape, places, marks) = of::<Net>();
            assert_eq!(shape, $shape, "{}", stringify!($layers));
            assert_eq!(marks, $marks as [&str; _], "{}", stringify!($layers));
            let mut sizes = shape;
            let wanted = if stringify!($order) == "first" {
                sizes.rotate_left(1);
                last_first(&sizes)
            } else {
                (0..sizes.iter().product()).collect()
            };
            assert_eq!(places, wanted, "{}", stringify!($layers));
        } )* };
    }
    check! {
        // Images have their channels first.
        [2, 3, 4] -> [2, 3, 4] { Conv2d<_, 4, 1>, norm: LayerNorm<_, _, _> }: [4, 2, 3], first, [];
        [4, 4, 3] -> [2] { Conv2d<_, 4, 1>, norm: LayerNorm<_, _, _>, Flatten, Linear<_, 2> }: [4, 4, 4], first, [];
        [4, 4, 3] -> [2] { Conv2d<_, 4, 1>, norm: RmsNorm<_, _, _>, Flatten, Linear<_, 2> }: [4, 4, 4], first, [];
        [4, 3] -> [2] { Conv1d<_, 4, 1>, norm: LayerNorm<_, _>, Flatten, Linear<_, 2> }: [4, 4], first, [];
        // Sequences have the same order as here, unless a layer works on their channels.
        [4] -> [2] { Embedding<7, 4>, norm: LayerNorm<_, _>, Flatten, Linear<_, 2> }: [4, 4], same, [];
        [6] -> [2] { Embedding<7, 4>, norm: LayerNorm<_, _, NoBias>, Flatten, Linear<_, 2> }: [6, 4], same, [];
        [4, 4] -> [2] { Linear<_, 4>, norm: LayerNorm<_, _>, Flatten, Linear<_, 2> }: [4, 4], same, [];
        [4, 4] -> [4, 4] { Linear<_, 4>, norm: LayerNorm<_, _> }: [4, 4], same, [];
        [4, 4] -> [4, 4] { Linear<_, 4>, norm: RmsNorm<_, _> }: [4, 4], same, [];
        [4, 4] -> [4, 4] { Linear<_, 4>, norm: LayerNorm<_, _>, Linear<_, 4> }: [4, 4], same, [];
        [4, 4] -> [4, 4] { Linear<_, 4>, norm: LayerNorm<_, _>, Conv1d<_, 4, 1> }: [4, 4], same, ["norm.channels_last"];
        [6, 4] -> [6, 4] { norm: LayerNorm<_, _>, Linear<_, 4> }: [6, 4], same, [];
        [4, 4] -> [4, 4] { norm: LayerNorm<_, _>, Linear<_, 4> }: [4, 4], same, ["norm.channels_last"];
        [6, 4] -> [6, 4] { norm: LayerNorm<_, _>, Conv1d<_, 4, 1> }: [4, 6], first, [];
        [4, 4] -> [4, 4] { norm: LayerNorm<_, _>, Conv1d<_, 4, 1> }: [4, 4], first, ["norm.channels_last"];
        // The same holds for what a `Reshape` makes of features.
        [5] -> [2] { Linear<_, 24>, Reshape<6, 4>, norm: LayerNorm<_, _>, Flatten, Linear<_, 2> }: [6, 4], same, [];
        [5] -> [2] { Linear<_, 24>, Reshape<6, 4>, norm: LayerNorm<_, _>, Conv1d<_, 2, 6>, Flatten }: [4, 6], first, [];
        [5] -> [2] { Linear<_, 24>, Reshape<2, 3, 4>, norm: LayerNorm<_, _, _>, Flatten, Linear<_, 2> }: [4, 2, 3], first, [];
        // A program that normalizes some of the axes has moved the channels.
        [2, 4, 2] -> [2] { Conv2d<_, 4, 1>, norm: LayerNorm<_, _>, Conv2d<_, 3, 1>, Flatten, Linear<_, 2> }:
            [4, 4], same, ["norm.channels_last"];
        [2, 3, 2] -> [2] { Conv2d<_, 4, 1>, norm: LayerNorm<_, _>, Conv2d<_, 3, 1>, Flatten, Linear<_, 2> }:
            [3, 4], same, [];
        // It may already have moved them back.
        [4, 4, 3] -> [2] { Conv2d<_, 4, 1>, Linear<_, 4>, norm: LayerNorm<_, _, _>, GlobalAvgPool2d, Linear<_, 2> }:
            [4, 4, 4], first, ["norm.channels_last"];
        [2, 3, 3] -> [2] { Conv2d<_, 4, 1>, Linear<_, 4>, norm: LayerNorm<_, _, _>, GlobalAvgPool2d, Linear<_, 2> }:
            [4, 2, 3], first, [];
        [4, 4, 3] -> [4, 4, 4] { Conv2d<_, 4, 1>, norm: LayerNorm<_, _, _>, Linear<_, 4> }:
            [4, 4, 4], first, ["norm.channels_last"];
        [1, 1, 1] -> [1] { Linear<_, 1>, norm: LayerNorm<_, _, _>, Flatten }: [1, 1, 1], same, [];
    }

    // A layer behind a nested network or a block moves the axes, perhaps before the block.
    network! { struct Inner: [4, 4] -> [4, 4] { Linear<_, 4>, norm: LayerNorm<_, _> } }
    network! { struct Outer: [4, 4] -> [4, 4] { Residual { a: Inner }, Conv1d<_, 4, 1> } }
    network! { struct Stays: [4, 4] -> [4, 4] { Residual { a: Inner }, Linear<_, 4> } }
    network! { struct Block: [4, 4] -> [4, 4] { Residual { norm: LayerNorm<_, _> }, Linear<_, 4> } }
    assert!(read(&Outer::zeros().to_safetensors(&[])).contains_key("0.a.norm.channels_last"));
    assert!(!read(&Stays::zeros().to_safetensors(&[])).contains_key("0.a.norm.channels_last"));
    assert!(read(&Block::zeros().to_safetensors(&[])).contains_key("0.norm.channels_last"));

    // A normalization without weights keeps the order of the axes.
    network! { struct Plain: [6] -> [2] { Embedding<7, 4>, LayerNorm<_, _, NoAffine>, Flatten, fc: Linear<_, 2> } }
    let net = Plain::init(&mut shapewright::rng(0));
    assert_eq!(
        read(&net.to_safetensors(&[]))["fc.weight"].1[1],
        net.fc.weight[1][0]
    );
}

/// Networks with one layer or block each behind a `Flatten`, and random ones, compared with
/// PyTorch.
mod pytorch {
    use shapewright::emitted::{count, included};
    use shapewright::prelude::*;
    use shapewright::weights::{Difference, DifferenceKind, LoadErrorKind, Loader};

    use crate::common::reference::{array, cases};

    include!("../reference/order.rs");

    /// Returns the numbers that make_order.py writes for a tensor.
    fn numbers(count: usize, seed: usize, low: f32) -> impl Iterator<Item = f32> {
        (0..count)
            .map(move |place| ((place * 7919 + seed * 104_729 + 17) % 2003) as f32 / 2003.0 + low)
    }

    /// Returns PyTorch's file of a case.
    fn file(case: &serde_json::Value) -> Vec<u8> {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        let tensors = case["tensors"].as_object().unwrap();
        for (seed, (name, shape)) in tensors.iter().enumerate() {
            let count = shape
                .as_array()
                .unwrap()
                .iter()
                .map(|size| size.as_u64().unwrap() as usize)
                .product();
            let low = if name.ends_with("running_var") {
                0.5
            } else {
                -0.5
            };

            let begin = data.len();
            for number in numbers(count, seed, low) {
                let number = if name.ends_with("num_batches_tracked") {
                    0.0
                } else {
                    number
                };
                data.extend(number.to_le_bytes());
            }

            let offsets = [begin, data.len()];
            let entry =
                serde_json::json!({"dtype": "F32", "shape": shape, "data_offsets": offsets});
            header.insert(name.clone(), entry);
        }

        let header = serde_json::to_vec(&header).unwrap();
        [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()
    }

    /// Returns a file with marks of layers in addition to its tensors.
    fn marked(file: &[u8], marks: &[String]) -> Vec<u8> {
        let header_len = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        let mut header: serde_json::Map<_, _> =
            serde_json::from_slice(&file[8..8 + header_len]).unwrap();
        for mark in marks {
            let entry = serde_json::json!({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]});
            header.insert(mark.clone(), entry);
        }
        let header = serde_json::to_vec(&header).unwrap();
        [
            &(header.len() as u64).to_le_bytes()[..],
            &header,
            &file[8 + header_len..],
        ]
        .concat()
    }

    /// PyTorch's weights give its outputs, and are saved as they were. Weights that may give other
    /// outputs are refused.
    fn check<N: Trainable<Element = f32>, const COUNT: usize>(
        all: &[serde_json::Value],
        name: &str,
    ) {
        let case = all
            .iter()
            .find(|case| case["name"] == name)
            .unwrap_or_else(|| panic!("no case {name}"));
        let mut file = file(case);
        let mut net = N::zeros();
        let loaded = net.load_from(&Loader::from_bytes(&file).unwrap());

        let refused = case["refused"].as_str().unwrap_or("no");
        if let Err(error) = loaded {
            assert_ne!(refused, "no", "{name}: {error}");
            let LoadErrorKind::Differs(differences) = error.kind else {
                panic!("{name}: {error}");
            };
            let marks: Vec<_> = differences
                .into_iter()
                .inspect(|Difference { kind, .. }| {
                    assert!(matches!(kind, DifferenceKind::Order { .. }), "{name}");
                })
                .map(|difference| difference.name)
                .collect();
            if ["sound", "yes"].contains(&refused) {
                return;
            }
            let loader = Loader::from_bytes(&file).unwrap();
            net.load_from(&loader.only(|name| !name.ends_with(".channels_last")))
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            file = marked(&file, &marks);
        } else {
            assert!(
                ["no", "maybe", "sound"].contains(&refused),
                "{name} is not refused"
            );
        }

        let x: Vec<f32> = match case["whole"].as_u64() {
            Some(whole) => (0..2 * N::Input::LEN)
                .map(|i| (i as u64 % whole) as f32)
                .collect(),
            None => numbers(2 * N::Input::LEN, 999, -0.5)
                .map(|x| 4.0 * x)
                .collect(),
        };
        let x: Vec<_> = x
            .chunks(N::Input::LEN)
            .map(|x| Tensor::from_slice(x).unwrap())
            .collect();
        let mut y = vec![Tensor::zeros(); 2];
        net.forward_batch(&x, &mut y);
        if refused == "stay" {
            let apart = Tensor::flatten(&y).iter().zip(array(&case["y"]));
            assert!(
                apart
                    .map(|(a, b)| f64::from(*a) - b)
                    .any(|by| by.abs() > 1e-2)
            );
        } else {
            crate::common::assert_close(name, Tensor::flatten(&y), &array(&case["y"]), 1e-5);
        }

        let saved = net.to_safetensors(&[]);
        assert_eq!(super::read(&saved), super::read(&file), "{name}");
        assert_eq!(
            included::<N, COUNT>(name, &file).params(),
            net.params(),
            "{name}"
        );
    }

    #[test]
    fn weights_of_pytorch_give_its_outputs() {
        let all = cases("order.json");
        let mut checked = 0;
        macro_rules! check {
            ($network:ty, $name:literal) => {
                check::<$network, { count::<$network>() }>(&all, $name);
                checked += 1;
            };
        }
        every_network!(check);
        assert_eq!(checked, all.len());
    }
}

/// Layers whose results depend on the order of features, which differs in PyTorch.
mod refused {
    use shapewright::emitted::{count, included};
    use shapewright::prelude::*;
    use shapewright::weights::{DifferenceKind, LoadErrorKind, Loader};
    use shapewright::{
        ext::{
            BackwardInput, FeatureOrder, Forward, Infer, Inferred, Inputs, Layer, ShapeRule, Train,
        },
        tensor::{Element, Rank1},
    };

    /// Returns the marks in the file of a network. Checks that the network loads the file, but not
    /// without the marks.
    fn marks<N: Trainable<Element = f32>, const COUNT: usize>() -> Vec<String> {
        let net = N::init(&mut shapewright::rng(4));
        let file = net.to_safetensors(&[]);
        let loader = || Loader::from_bytes(&file).expect("a file");
        let mut same = N::zeros();
        same.load_from(&loader()).expect("one's own file");
        assert_eq!(same.params(), net.params());
        assert_eq!(included::<N, COUNT>("own", &file).params(), net.params());

        let is_mark = |name: &str| name.ends_with(".channels_last");
        let mut marks: Vec<_> = super::read(&file)
            .into_iter()
            .filter(|(name, _)| is_mark(name))
            .collect();
        assert!(
            marks
                .iter()
                .all(|(_, (shape, numbers))| *shape == [0] && numbers.is_empty())
        );
        let marks: Vec<String> = marks.drain(..).map(|(name, _)| name).collect();

        // PyTorch's files have the same tensors without the marks.
        let pytorchs = loader().rename(|name| (!is_mark(name)).then(|| name.to_owned()));
        match same.load_from(&pytorchs).map_err(|error| error.kind) {
            Ok(_) => assert!(marks.is_empty()),
            Err(LoadErrorKind::Differs(differences)) => {
                assert!(
                    differences
                        .iter()
                        .all(|difference| matches!(difference.kind, DifferenceKind::Order { .. }))
                );
                let names: Vec<_> = differences
                    .into_iter()
                    .map(|difference| difference.name)
                    .collect();
                assert_eq!(names, marks);
            }
            Err(other) => panic!("{other:?}"),
        }
        // A program that knows that such a file is this crate's can say so.
        same.load_from(&pytorchs.only(|name| !is_mark(name)))
            .expect("all but the marks");
        marks
    }

    macro_rules! check {
        ($($input:tt -> $output:tt $layers:tt: $marks:expr;)*) => { $( {
            network! { struct Net: $input -> $output $layers }
            assert_eq!(marks::<Net, { count::<Net>() }>(), $marks as [&str; _], "{}", stringify!($layers));
        } )* };
    }

    network! { struct Gated: [12] -> [6] { Tanh, gate: Glu } }
    network! { struct Cell: (x: [4], h: [2]) -> [2] { both: Concat <- (x, h), Linear<_, 2>, Tanh } }

    #[test]
    fn layers_that_depend_on_the_feature_order_are_marked() {
        check! {
            [2, 2, 3] -> [1] { Flatten, Glu, head: Linear<_, 1> }: ["1.channels_last"];
            [2, 2, 3] -> [1] { Flatten, Gelu, norm: GroupNorm<2, _>, head: Linear<_, 1> }: ["norm.channels_last"];
            [2, 2, 3] -> [12, 2] { Flatten, embed: Embedding<3, 2> }: ["embed.channels_last"];
            // Several marks, in blocks and nested networks.
            [2, 2, 3] -> [7] { Flatten, both: Concat { gated: Gated, fc: { Linear<_, 2>, Glu } } }:
                ["both.gated.gate.channels_last"];
            [2, 2, 3] -> [12] { Flatten, Repeat<2> { n: GroupNorm<3, _> } }: ["1.0.n.channels_last"];
            // Behind or before a dense layer, the order of features is the same in both.
            [2, 2, 3] -> [6] { Flatten, Linear<_, 12>, Gated }: [];
            [12] -> [1] { Gated, Linear<_, 1> }: [];
            // One pixel, and one channel.
            [1, 1, 12] -> [1] { Flatten, Gated, Linear<_, 1> }: [];
            [3, 4, 1] -> [1] { Flatten, Gated, Linear<_, 1> }: [];
            // With one group, or one feature in each, the order does not matter.
            [2, 2, 3] -> [12] { Flatten, GroupNorm<1, _>, GroupNorm<12, _> }: [];
        }
    }

    #[test]
    fn features_in_different_orders_are_not_added_or_made_images_of() {
        check! {
            [2, 1, 3] -> [6] { sum: Residual { Flatten, shortcut: { Conv2d<_, 6, 1>, GlobalAvgPool2d } } }:
                ["sum.channels_last"];
            [2, 1, 3] -> [6] { sum: Residual { Flatten, shortcut: { Conv2d<_, 6, 1>, GlobalAvgPool2d, Linear<_, 6> } } }:
                [];
            [2, 2, 6] -> [2, 1, 2] { GlobalAvgPool2d, Reshape<2, 1, 3>, conv: Conv2d<_, 2, 1> }: ["conv.channels_last"];
            [2, 2, 6] -> [2, 1, 2] { GlobalAvgPool2d, Linear<_, 6>, Reshape<2, 1, 3>, conv: Conv2d<_, 2, 1> }: [];

            // Two images of the same features.
            [12] -> [12] {
                Concat { a: { Reshape<2, 2, 3>, conv: Conv2d<_, 1, 1>, Flatten }, b: { Reshape<2, 3, 2>, conv: Conv2d<_, 1, 1>, Flatten }, c: { Linear<_, 2> } },
            }: ["0.b.conv.channels_last", "0.channels_last"];

            // An image has its channels first whatever layer works on it; a matrix does not.
            [2, 2, 6] -> [2, 1, 2] { GlobalAvgPool2d, Reshape<2, 1, 3>, fc: Linear<_, 2> }: ["fc.channels_last"];
            [2, 2, 6] -> [2, 2] { GlobalAvgPool2d, Reshape<2, 3>, fc: Linear<_, 2> }: [];

            // An embedding of the indices of an image, and of a sequence.
            [2, 2, 3] -> [1] { embed: Embedding<3, 2>, Flatten, Linear<_, 1> }: ["embed.channels_last"];
            [2, 3] -> [1] { embed: Embedding<3, 2>, Flatten, Linear<_, 1> }: [];
        }
    }

    #[test]
    fn axes_that_may_have_been_moved_back_are_marked() {
        check! {
            [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, norm: LayerNorm, fc: Linear<_, 2>, Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];
            [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, fc: Linear<_, 2>, Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];
            // Rows that are made of flattened channels are other rows in PyTorch.
            [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Flatten, Reshape<6, 4>, fc: Linear<_, 2>, Flatten, head: Linear<_, 3> }:
                ["fc.channels_last", "head.channels_last"];

            // The first layer that depends on it has the mark.
            [2, 3, 4] -> [3] { Softmax, Flatten, Tanh, norm: BatchNorm1d<_>, head: Linear<_, 3> }:
                ["norm.channels_last"];
            [2, 3, 4] -> [3] { LayerNorm, Flatten, Softmax, LayerNorm<_, NoAffine>, head: Linear<_, 3> }:
                ["head.channels_last"];
            [2, 3, 4] -> [3] { LayerNorm, Flatten, Glu, head: Linear<_, 3> }: ["2.channels_last"];
            [2, 3, 4] -> [3] { LayerNorm, Flatten, Reshape<2, 3, 4>, back: Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> }:
                ["back.channels_last"];
            [2, 3, 4] -> [3] { LayerNorm, Reshape<3, 8>, fc: Linear<_, 2>, GlobalAvgPool1d, head: Linear<_, 3> }:
                ["fc.channels_last"];

            // Nothing depends on it.
            [2, 3, 4] -> [24] { LayerNorm, Flatten, Tanh, Softmax }: [];

            // A layer that takes channels has them first, and averages over all pixels are the
            // same.
            [2, 3, 4] -> [3] { LayerNorm, last: Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> }: [];
            [2, 3, 4] -> [3] { LayerNorm, GlobalAvgPool2d, head: Linear<_, 3> }: [];

            // One pixel, and one channel.
            [2, 3, 4] -> [3] { conv: Conv2d<_, 4, (2, 3)>, LayerNorm, Flatten, head: Linear<_, 3> }: [];
            [2, 3, 4] -> [3] { LayerNorm, Linear<_, 1>, Flatten, head: Linear<_, 3> }: [];
        }
    }

    #[test]
    fn blocks_may_be_given_moved_axes() {
        check! {
            [2, 3, 4] -> [3] { Reshape<6, 4>, Residual { LayerNorm, Linear<_, 4> }, Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];
            [2, 3, 4] -> [3] { Residual { LayerNorm, Linear<_, 4> }, BatchNorm2d<_>, Flatten, head: Linear<_, 3> }: [];
            [2, 3, 4] -> [3] { Residual { Conv2d<_, 4, 1>, LayerNorm, Conv2d<_, 4, 1> }, Flatten, head: Linear<_, 3> }: [];
            [2, 3, 4] -> [3] { Concat { a: { Flatten }, b: { LayerNorm, GlobalAvgPool2d } }, head: Linear<_, 3> }:
                ["head.channels_last"];
            [2, 3, 4] -> [3] { Concat { a: { Linear<_, 2> }, b: { Conv2d<_, 2, 1> } }, Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];
            [2, 3, 4] -> [3] { sum: Residual { LayerNorm, Flatten, shortcut: { Conv2d<_, 4, 1>, Flatten } }, head: Linear<_, 3> }:
                ["sum.channels_last"];
            [2, 3, 4] -> [3] { LayerNorm, Flatten, Residual { fc: Linear<_, 24> }, head: Linear<_, 3> }:
                ["2.fc.channels_last", "head.channels_last"];
            [2, 3, 4] -> [3] { LayerNorm, Split { a: { Flatten }, b: { Flatten, Linear<_, 2> } }, Flatten, head: Linear<_, 3> }:
                ["1.b.1.channels_last", "head.channels_last"];
        }
    }

    #[test]
    fn weights_whose_axes_no_shape_tells_apart_are_marked() {
        check! {
            [4, 4] -> [3] { norm: LayerNorm<_, _>, Flatten, head: Linear<_, 3> }: ["norm.channels_last"];
            [4, 4] -> [3] { norm: LayerNorm<_, _, NoAffine>, Flatten, head: Linear<_, 3> }: [];
            [5, 4] -> [3] { norm: LayerNorm<_, _>, Flatten, head: Linear<_, 3> }: [];
            [3, 3, 3] -> [3] { LayerNorm, norm: LayerNorm<_, _, _>, Flatten, head: Linear<_, 3> }: ["norm.channels_last"];
            [3, 3, 3] -> [3] { norm: RmsNorm<_, _, _>, Linear<_, 2>, GlobalAvgPool2d, head: Linear<_, 3> }:
                ["norm.channels_last"];
            [5, 4] -> [3] { Linear<_, 4>, norm: LayerNorm<_, _>, Flatten, head: Linear<_, 3> }: [];

            // Normalizations over some axes of an image, for which a program has moved the channels
            // to the end or near it.
            [2, 3, 4] -> [3] { norm: LayerNorm<_, _>, Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> }: [];
            [2, 4, 4] -> [3] { norm: LayerNorm<_, _>, Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> }:
                ["norm.channels_last"];
            [2, 4, 4] -> [3] { norm: RmsNorm<_, _>, GlobalAvgPool2d, head: Linear<_, 3> }: ["norm.channels_last"];
            [2, 4, 3] -> [3] { Linear<_, 4>, norm: LayerNorm<_, _>, GlobalAvgPool2d, head: Linear<_, 3> }:
                ["norm.channels_last"];
            [2, 4, 4] -> [3] { body: Repeat<2> { norm: LayerNorm<_, _> }, GlobalAvgPool2d, head: Linear<_, 3> }:
                ["body.0.norm.channels_last", "body.1.norm.channels_last"];
            [2, 4, 4] -> [3] { norm: LayerNorm<_, _, NoAffine>, GlobalAvgPool2d, head: Linear<_, 3> }: [];
            [2, 1, 1] -> [3] { norm: LayerNorm<_, _>, GlobalAvgPool2d, head: Linear<_, 3> }: [];
            [2, 4] -> [3] { Embedding<9, 4>, norm: LayerNorm<_, _>, GlobalAvgPool2d, head: Linear<_, 3> }: [];
            [5] -> [3] { Linear<_, 32>, Reshape<2, 4, 4>, norm: LayerNorm<_, _>, GlobalAvgPool2d, head: Linear<_, 3> }:
                ["norm.channels_last"];
        }
    }

    #[test]
    fn sequences_stay_as_they_are_where_nothing_moves_them() {
        check! {
            [6, 4] -> [3] { LayerNorm, Linear<_, 2>, Residual { Linear<_, 2> }, Flatten, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Linear<_, 4>, Conv1d<_, 4, 3, Pad<1>>, Flatten, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Residual { Conv1d<_, 4, 3, Pad<1>> }, Flatten, head: Linear<_, 3> }: [];
            // The axes may be moved for the convolution alone, or for all that follows.
            [6, 4] -> [3] { Linear<_, 4>, Residual { Conv1d<_, 4, 3, Pad<1>> }, Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];
            [6] -> [3] { Embedding<9, 4>, Residual { Conv1d<_, 4, 3, Pad<1>> }, Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];
            [6, 4] -> [3] { Concat { a: { GlobalAvgPool1d }, b: { Flatten } }, head: Linear<_, 3> }:
                ["head.channels_last"];
            [6, 4] -> [3] { SelectLast, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { MaxOverTime, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, ReflectionPad1d<2>, MeanOverTime, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, Overlap<2>, SelectLast, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, Overlap<2>, Flatten, head: Linear<_, 3> }: ["head.channels_last"];
            [5, 3, 2] -> [3] { Conv2d<_, 4, (1, 3)>, Overlap<2>, Flatten, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, Slice<1, 4>, SelectLast, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, Slice<1, 4>, Flatten, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, Flatten, cut: Slice<1, 4>, head: Linear<_, 3> }:
                ["cut.channels_last"];
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, SelectLast, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Residual { Transpose, Linear<_, 6>, Transpose }, Flatten, head: Linear<_, 3> }: [];
            [24] -> [3] { fc: Linear<_, 24>, Reshape<4, 3, 2>, Flatten, Reshape<6, 4>, swap: Transpose, SelectLast, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Residual { Permute<1, 0>, Linear<_, 6>, Permute<1, 0> }, Flatten, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { scan: Scan<Cell>, SelectLast, head: Linear<_, 3> }: [];
            [6, 4] -> [3] { Linear<_, 4>, scan: Scan<Cell>, Flatten, head: Linear<_, 3> }: [];
            // PyTorch's program may have swapped the axes of the channels or not.
            [6, 4] -> [3] { Conv1d<_, 4, 3, Pad<1>>, Transpose, Flatten, head: Linear<_, 3> }: ["head.channels_last"];
            [6, 4] -> [3] { Concat { a: { Linear<_, 2>, GlobalAvgPool1d }, b: { Flatten } }, head: Linear<_, 3> }: [];
        }
    }

    #[test]
    fn features_that_a_network_makes_images_of_are_marked() {
        check! {
            [24] -> [3] { Reshape<2, 3, 4>, conv: Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> }: ["0.channels_last"];
            [24] -> [3] { act: Tanh, Reshape<6, 4>, conv: Conv1d<_, 2, 1>, Flatten, head: Linear<_, 3> }: ["act.channels_last"];
            // One channel, rows, and features whose order is the same in both.
            [6] -> [3] { Reshape<2, 3, 1>, conv: Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> }: [];
            [24] -> [3] { Reshape<6, 4>, Linear<_, 2>, Flatten, head: Linear<_, 3> }: [];
            [24] -> [3] { Linear<_, 24>, Reshape<2, 3, 4>, conv: Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> }: [];
        }
    }

    #[test]
    fn sources_in_different_orders_are_marked() {
        check! {
            [2, 1, 3] -> [6] { conv: Conv2d<_, 6, 1>, mean: GlobalAvgPool2d, flat: Flatten <- input, sum: Add <- (mean, flat) }:
                ["sum.channels_last"];
            [2, 1, 3] -> [6] { conv: Conv2d<_, 6, 1>, mean: GlobalAvgPool2d, flat: Flatten <- input, sum: Mul <- (flat, mean) }:
                ["sum.channels_last"];
            // A dense layer makes the order of a source that comes before it.
            [2, 1, 3] -> [6] { flat: Flatten, GlobalAvgPool2d <- input, fc: Linear<_, 6>, Tanh, act: Tanh, Add <- (act, flat) }: [];
            [2, 1, 3] -> [6] { GlobalAvgPool2d, fc: Linear<_, 6>, flat: Flatten <- input, Add <- (fc, flat) }:
                ["3.channels_last"];
            [2, 2, 3] -> [12] { flat: Flatten, fc: Linear<_, 12>, Concat <- (flat, fc), gate: Glu }: ["gate.channels_last"];
            [2, 2, 3] -> [12] { flat: Flatten, norm: LayerNorm, Add <- (norm, flat), Linear<_, 24>, Glu }: [];

            // Two images of the same features.
            [12] -> [8] {
                a: Reshape<2, 2, 3>, Conv2d<_, 1, 1>, first: Flatten,
                Reshape<2, 3, 2> <- input, b: Conv2d<_, 1, 1>, second: Flatten, Concat <- (first, second), Linear<_, 8>,
            }: ["a.channels_last", "b.channels_last"];

            // If one of two readers needs an order, the file has that order.
            [5] -> (kind: [2], picture: [2, 3, 2]) {
                code: Linear<_, 36>, kind: Linear<_, 2>, Reshape<2, 3, 6> <- code, picture: Conv2d<_, 2, 1>,
            }: [];

            // Features that become an image have another order than an image.
            (v: [5], image: [2, 1, 2]) -> [2, 1, 2] { Linear<_, 8> <- v, Glu, made: Reshape<2, 1, 2>, sum: Add <- (made, image) }:
                ["sum.channels_last"];
            (v: [5], words: [2, 1]) -> [2, 1, 2] {
                Linear<_, 8> <- v, Glu, made: Reshape<2, 1, 2>, embed: Embedding<3, 2> <- words, sum: Add <- (made, embed),
            }: ["sum.channels_last"];
        }
    }

    #[test]
    fn outputs_with_several_readers_may_have_moved_axes() {
        check! {
            [2, 3, 4] -> [3] { norm: LayerNorm, mean: GlobalAvgPool2d, flat: Flatten <- input, Concat <- (mean, flat), head: Linear<_, 3> }:
                ["head.channels_last"];
            [2, 3, 4] -> [3] { norm: LayerNorm, conv: Conv2d<_, 2, 1>, a: Flatten, b: Conv2d<_, 2, 1> <- input, c: Flatten, Add <- (a, c), head: Linear<_, 3> }:
                [];

            // A sequence of which one reader takes channels, and one that is read along the last
            // axis.
            [5, 4] -> [3] { conv: Conv1d<_, 2, 2>, a: Flatten, b: Flatten <- input, Concat <- (a, b), head: Linear<_, 3> }: [];
            [5, 4] -> [3] { fc: Linear<_, 2>, a: GlobalAvgPool1d, b: Flatten <- input, Concat <- (a, b), head: Linear<_, 3> }: [];
            [5, 4] -> [3] { fc: Linear<_, 4>, conv: Conv1d<_, 4, 1> <- input, Add <- (fc, conv), Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];
            (x: [5, 4], y: [5, 4]) -> [3] { conv: Conv1d<_, 4, 1> <- x, Add <- (conv, y), Flatten, head: Linear<_, 3> }:
                ["head.channels_last"];

            // Features are added to others whose axes may have been moved back.
            (image: [2, 3, 4], v: [5]) -> [24] { norm: LayerNorm <- image, flat: Flatten, fc: Linear<_, 24> <- v, sum: Add <- (fc, flat) }:
                ["sum.channels_last"];
            [2, 3, 4] -> [24] { sum: Residual { LayerNorm, Flatten, shortcut: { GlobalAvgPool2d, Linear<_, 24> } } }:
                ["sum.channels_last"];
            [5] -> [3] { Linear<_, 24>, Reshape<2, 3, 4>, Concat { a: { Flatten }, b: { LayerNorm, GlobalAvgPool2d } }, head: Linear<_, 3> }:
                ["head.channels_last"];
        }
    }

    network! { struct Halves: [2] -> [2, 1, 2] { Concat { a: Linear<_, 2, NoBias>, b: Linear<_, 2, NoBias> }, Reshape<2, 1, 2> } }

    #[test]
    fn images_that_are_returned_are_marked() {
        check! {
            [2] -> [2, 1, 2] { Concat { a: Linear<_, 2, NoBias>, b: Linear<_, 2, NoBias> }, image: Reshape<2, 1, 2> }:
                ["image.channels_last"];
            [2] -> [2, 1, 2] { Linear<_, 8>, Glu, image: Reshape<2, 1, 2> }: ["image.channels_last"];
            [2] -> [2, 1, 2] { Linear<_, 4>, GroupNorm<2, _>, image: Reshape<2, 1, 2> }: ["image.channels_last"];
            [2] -> [2, 3, 2] { Linear<_, 8>, Concat { Glu, {} }, image: Reshape<2, 3, 2> }: ["image.channels_last"];
            [2] -> [2, 1, 2] { Linear<_, 8>, Glu, Reshape<2, 1, 2>, act: Sigmoid }: ["act.channels_last"];
            [2] -> [2, 1, 2] { Linear<_, 8>, Glu, Reshape<2, 1, 2>, Identity, sum: Residual { Relu } }: ["sum.channels_last"];
            [2] -> [2, 1, 2] { inner: Halves }: ["inner.channels_last"];
            [2, 2, 3] -> [2, 2, 3] { Flatten, Linear<_, 12>, Residual { Linear<_, 12> }, Tanh, Reshape<2, 2, 3> }: [];

            // One channel, one pixel, and images that are flattened again.
            [2] -> [2, 2, 1] { Linear<_, 8>, Glu, Reshape<2, 2, 1> }: [];
            [2] -> [1, 1, 4] { Linear<_, 8>, Glu, Reshape<1, 1, 4> }: [];
            [2] -> [3] { inner: Halves, Flatten, Linear<_, 3> }: [];

            // Rows are rows in PyTorch as well.
            [2] -> [2, 2] { Linear<_, 8>, Glu, Reshape<2, 2> }: [];
            [2, 3, 4] -> [6, 4] { Conv2d<_, 4, 1>, Reshape<6, 4> }: [];
            [2, 3, 4] -> [6, 4] { Conv2d<_, 4, 1>, Flatten, rows: Reshape<6, 4> }: ["rows.channels_last"];
            [2, 3, 4] -> [2, 3, 4] { LayerNorm, Flatten, image: Reshape<2, 3, 4> }: ["image.channels_last"];
            [2, 3, 4] -> [2, 3, 4] { LayerNorm, Linear<_, 4> }: [];

            // One of several outputs.
            [2] -> (image: [2, 1, 2], kind: [2]) { code: Linear<_, 8>, Glu, image: Reshape<2, 1, 2>, kind: Linear<_, 2> <- code }:
                ["image.channels_last"];
            [2] -> ([2, 1, 2], [1]) { pair: Split { a: { Linear<_, 8>, Glu, Reshape<2, 1, 2> }, b: { Linear<_, 1> } } }:
                ["pair.channels_last"];
            [2] -> ([2, 1, 2], [1]) { pair: Split { a: { Linear<_, 4>, Reshape<2, 1, 2> }, b: { Linear<_, 1> } } }: [];
            [2] -> [3] { Split { a: { Linear<_, 8>, Glu, Reshape<2, 1, 2> }, b: { Linear<_, 1> } }, Flatten, Linear<_, 3> }: [];
            [2, 3, 4] -> ([2, 3, 4], [6, 4]) { Split { a: { Conv2d<_, 4, 1> }, b: { Conv2d<_, 4, 1>, Reshape<6, 4> } } }: [];

            // Images of features that are side by side here follow one another in PyTorch.
            [2] -> [3] {
                both: Concat { a: { Linear<_, 8>, Glu, Reshape<2, 1, 2> }, b: { Linear<_, 8>, Glu, Reshape<2, 1, 2> } },
                Flatten, head: Linear<_, 3>,
            }: ["both.channels_last"];
        }
    }

    #[test]
    fn an_axis_has_at_most_sixteen_images() {
        check! {
            [2, 1, 2] -> [1] { Flatten, Concat { {}, {}, {}, {} }, Concat { {}, {}, {}, {} }, Linear<_, 1> }: [];
            [2, 1, 2] -> [1] { Flatten, Concat { {}, {}, {}, {}, {} }, many: Concat { {}, {}, {}, {} }, Linear<_, 1> }:
                ["many.channels_last"];
        }
    }

    #[test]
    fn the_sentence_says_what_to_do() {
        network! { struct Net: [2, 2, 3] -> [1] { Flatten, Glu, head: Linear<_, 1> } }
        let file = Net::zeros().to_safetensors(&[]);
        let loader = Loader::from_bytes(&file)
            .expect("a file")
            .rename(|name| (name != "1.channels_last").then(|| name.to_owned()));
        assert_eq!(
            Net::zeros().load_from(&loader).unwrap_err().to_string(),
            "the weights do not fit the network, which stays as it was; in the shapes of files, which are PyTorch's:\n\
             - `1.channels_last` is missing, which is in files of this crate alone: the result of `Glu` depends on the \
             order of its inputs, which is another one in PyTorch, where images have their channels first; put it before \
             `Flatten`, or a `Linear` before it\n\
             Names can be changed with `Loader::rename` and `rename_patterns`, and tensors left out with `only`, \
             `allow_missing` and `allow_unused`."
        );
    }

    #[test]
    fn each_sentence_has_its_reason() {
        network! { struct Moved: [2, 2, 3] -> [1] { LayerNorm, Flatten, head: Linear<_, 1> } }
        network! { struct Viewed: [2, 2, 3] -> [4, 1] { Flatten, Reshape<4, 3>, Linear<_, 1> } }
        network! { struct Given: [12] -> [2, 2, 1] { Reshape<2, 2, 3>, Conv2d<_, 1, 1> } }
        network! { struct First: [4, 4] -> [4, 4] { LayerNorm<_, _> } }
        network! { struct Last: [4, 4] -> [4, 1] { LayerNorm<_, _>, Linear<_, 1> } }
        network! { struct Ends: [2] -> [2, 1, 2] { Linear<_, 8>, Glu, Reshape<2, 1, 2> } }

        fn sentence<N: Trainable<Element = f32>>() -> String {
            let (mut net, file) = (N::zeros(), N::zeros().to_safetensors(&[]));
            let loader = Loader::from_bytes(&file)
                .expect("a file")
                .rename(|name| (!name.ends_with("channels_last")).then(|| name.to_owned()));
            net.load_from(&loader).unwrap_err().to_string()
        }
        for (sentence, what) in [
            (
                sentence::<Moved>(),
                "no file says whether it was moved back",
            ),
            (
                sentence::<Viewed>(),
                "leave a `Flatten` before `Reshape` away",
            ),
            (sentence::<Given>(), "let it take the image itself"),
            (sentence::<First>(), "they are read with channels first"),
            (sentence::<Last>(), "they are read with channels last"),
            (sentence::<Ends>(), "put a `Linear` before the `Reshape`"),
        ] {
            assert!(sentence.contains(what), "{sentence}");
        }
    }

    /// A custom layer on 12 features that declares its feature order, and its parameters.
    macro_rules! own {
        ($name:ident, $order:ident, { $($field:tt)* }) => {
            struct $name;

            const _: () = {
                #[derive(Clone, Copy, Parameters)]
                #[repr(C)]
                pub struct Own<T: Element> {
                    $($field)*
                }

                impl<In: Shape> ShapeRule<In> for $name {
                    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
                }
                impl<T: Element> Layer<T> for $name {
                    type Config = ();
                    type Params = Own<T>;
                }
                impl<S: Shape, T: Element> Infer<S, S, T> for $name {
                    const ORDER: FeatureOrder = FeatureOrder::$order;
                    fn forward(call: Forward<'_, Self, S, S, T>) {
                        let Forward { x, y, .. } = call;
                        y.copy_from_slice(x);
                    }
                }

                impl<S: Shape, T: Element> Train<S, S, T> for $name {
                    const READS_OUTPUT: bool = false;
                    fn backward_input(_: BackwardInput<'_, Self, S, S, T>) {
                    }
}
            };
        };
    }
    own!(Scaled, Keeps, { #[params(features)] pub factor: [T; 12], });
    own!(Forgotten, Keeps, { pub factor: [T; 12], });
    own!(ForgottenChannels, Channels, { pub factor: [T; 12], });
    own!(One, Keeps, { pub factor: T, });
    own!(Dense, Makes, { #[params(features)] #[params(outputs)] #[params(axes(1, 0))] pub weight: [[T; 12]; 12], #[params(outputs)] pub bias: [T; 12], });
    own!(Fixed, Makes, { #[params(features)] #[params(axes(1, 0))] pub weight: [[T; 12]; 12], });
    own!(Blind, Makes, { #[params(axes(1, 0))] pub weight: [[T; 12]; 12], });
    own!(Sorted, Depends, { pub factor: T, });
    own!(Summed, Mixes, { pub factor: T, });

    /// A custom layer that reads two outputs of 12 features.
    macro_rules! own_of_two {
        ($name:ident, $order:ident, { $($field:tt)* }) => {
            struct $name;

            const _: () = {
                type Two = Inputs<(Rank1<12>, Rank1<12>)>;

                #[derive(Clone, Copy, Parameters)]
                #[repr(C)]
                pub struct Own<T: Element> {
                    $($field)*
                }

                impl ShapeRule<Two> for $name {
                    const OUTPUT: Inferred = Inferred::shape(Rank1::<12>::DIMS);
                }
                impl<T: Element> Layer<T> for $name {
                    type Config = ();
                    type Params = Own<T>;
                }
                impl<T: Element> Infer<Two, Rank1<12>, T> for $name {
                    const ORDER: FeatureOrder = FeatureOrder::$order;
                    fn forward(_: Forward<'_, Self, Two, Rank1<12>, T>) {}
                }
                impl<T: Element> Train<Two, Rank1<12>, T> for $name {
                    const READS_OUTPUT: bool = false;
                    fn backward_input(_: BackwardInput<'_, Self, Two, Rank1<12>, T>) {}
                }
            };
        };
    }
    own_of_two!(ScaledSum, Keeps, { #[params(features)] pub factor: [T; 12], });
    own_of_two!(ForgottenSum, Keeps, { pub factor: [T; 12], });
    own_of_two!(Bilinear, Makes, { #[params(features)] pub weight: [[T; 12]; 12], });

    #[test]
    fn layers_of_ones_own_may_read_several_outputs() {
        check! {
            [2, 2, 3] -> [12] { flat: Flatten, act: Tanh, own: ScaledSum <- (act, flat) }: [];
            [2, 2, 3] -> [12] { flat: Flatten, fc: Linear<_, 12>, own: ScaledSum <- (fc, flat) }: [];
            [2, 2, 3] -> [12] { flat: Flatten, act: Tanh, own: ForgottenSum <- (act, flat) }: ["own.channels_last"];
            [2, 2, 3] -> [12] { flat: Flatten, act: Tanh, own: Bilinear <- (act, flat) }: ["own.channels_last"];
            [12] -> [12] { act: Tanh, a: Bilinear <- (act, input), b: ForgottenSum <- (a, act) }: [];
        }

        network! { struct Net: [2, 2, 3] -> [12] { flat: Flatten, act: Tanh, own: ScaledSum <- (act, flat) } }
        let mut net = Net::zeros();
        (0..12).for_each(|i| net.own.factor[i] = i as f32);
        let file = super::read(&net.to_safetensors(&[]));
        assert_eq!(
            file["own.factor"].1,
            [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11].map(|i| i as f32)
        );
    }

    #[test]
    fn layers_of_ones_own_say_what_becomes_of_the_order() {
        check! {
            [2, 2, 3] -> [12] { Flatten, own: Scaled }: [];
            [2, 2, 3] -> [12] { Flatten, own: One }: [];
            [2, 2, 3] -> [12] { Flatten, own: Forgotten }: ["own.channels_last"];
            [2, 2, 3] -> [12] { Flatten, own: ForgottenChannels }: ["own.channels_last"];
            [2, 2, 3] -> [12] { Flatten, own: Dense }: [];
            [2, 2, 3] -> [12] { Flatten, sum: Residual { own: Dense } }: [];
            [2, 2, 3] -> [12] { Flatten, own: Fixed }: [];
            // Its outputs can't be put into the order of what they are added to.
            [2, 2, 3] -> [12] { Flatten, sum: Residual { own: Fixed } }: ["sum.channels_last"];
            [2, 2, 3] -> [12] { Flatten, own: Blind }: ["own.channels_last"];
            [2, 2, 3] -> [12] { Flatten, own: Sorted }: ["own.channels_last"];
            [2, 2, 3] -> [12] { Flatten, own: Summed }: [];
            [2, 2, 3] -> [6, 2] { Flatten, Reshape<6, 2>, own: Summed }: ["own.channels_last"];
            [12] -> [12] { Forgotten, Blind, Sorted }: [];
        }
    }
}

network! { struct Encoder: [2, 1, 2] -> [8] { Flatten, fc: Linear<_, 8>, Tanh } }
network! { struct WithEncoder: [2, 1, 2] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> } }
static IN_THE_PROGRAM: &WithEncoder =
    shapewright::include_weights!("../reference/weights.safetensors" as WithEncoder);

/// A cell whose steps are images has their channels first in PyTorch.
mod steps {
    use super::*;

    network! {
        struct Frame: (x: [2, 1, 1], h: [2, 1, 3]) -> [2, 1, 3] {
            from_x: Conv2d<_, 3, 1> <- x,
            from_h: Conv2d<_, 3, 1, NoBias> <- h,
            Add <- (from_x, from_h),
            Tanh,
        }
    }
    network! {
        struct Apart: (x: [2, 1, 1], h: [2, 1, 3]) -> (y: [2, 1, 1], next: [2, 1, 3]) {
            inner: Frame <- (x, h),
            next: Tanh,
            y: Conv2d<_, 1, 1>,
        }
    }

    fn names<N: Trainable<Element = f32>>() -> Vec<String> {
        read(&N::zeros().to_safetensors(&[]))
            .into_keys()
            .filter(|name| name.ends_with(".channels_last"))
            .collect()
    }

    /// Checks that the input axis of the dense layer `head` of six features has channels first.
    fn is_permuted<N: Trainable<Element = f32>>() {
        assert_eq!(names::<N>(), [""; 0]);
        let mut net = N::zeros();
        net.for_each_param_mut(|name, _, values| {
            if name == "head.weight" {
                (0..6).for_each(|i| values[i] = i as f32);
            }
        });
        let file = read(&net.to_safetensors(&[]));
        assert_eq!(file["head.weight"].1, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }

    #[test]
    fn a_last_state_is_an_image_of_pytorchs() {
        network! { struct Net: [4, 2, 1, 1] -> [1] {
            rnn: Scan<Frame, FinalState>, SelectPart<1>, Flatten, head: Linear<_, 1>,
        } }
        network! { struct Behind: [4, 2, 1, 1] -> [1] {
            rnn: Scan<Apart, FinalState>, SelectPart<1>, Relu, Flatten, head: Linear<_, 1>,
        } }
        network! { struct Given: (x: [4, 2, 1, 1], h: [2, 1, 3]) -> [1] {
            rnn: Scan<Frame, FinalState, InitialState> <- (x, h),
            SelectPart<1>,
            Flatten,
            head: Linear<_, 1>,
        } }
        is_permuted::<Net>();
        is_permuted::<Behind>();
        is_permuted::<Given>();
    }

    #[test]
    fn flattened_steps_are_marked() {
        network! { struct All: [4, 2, 1, 1] -> [1] {
            rnn: Scan<Frame>, Flatten, head: Linear<_, 1>,
        } }
        network! { struct Rows: [4, 2, 1, 1] -> [4, 1] {
            rnn: Scan<Frame>, Reshape<4, 6>, head: Linear<_, 1>,
        } }
        network! { struct First: [4, 2, 1, 1] -> [1] {
            rnn: Scan<Apart, FinalState>, SelectPart<0>, Flatten, Linear<_, 1>,
        } }
        assert_eq!(names::<All>(), ["head.channels_last"]);
        assert_eq!(names::<Rows>(), ["head.channels_last"]);
        // With one channel, both orders are the same.
        assert_eq!(names::<First>(), [""; 0]);
    }

    #[test]
    fn what_depends_on_no_order_is_not_marked() {
        network! { struct Returned: [4, 2, 1, 1] -> [4, 2, 1, 3] { rnn: Scan<Frame> } }
        network! { struct Last: [4, 2, 1, 1] -> [2, 1, 5] {
            rnn: Scan<Frame, FinalState>, SelectPart<1>, Conv2d<_, 5, 1>,
        } }
        network! { struct Twice: [4, 2, 1, 1] -> [4, 2, 1, 1] {
            first: Scan<Apart>, second: Scan<Apart>,
        } }
        assert_eq!(names::<Returned>(), [""; 0]);
        assert_eq!(names::<Last>(), [""; 0]);
        assert_eq!(names::<Twice>(), [""; 0]);
    }
}

/// The names of the marks in a network's files.
fn marks<N: SaveLoad>(net: &N) -> Vec<String> {
    let file = read(&net.to_safetensors(&[]));
    let names = file.into_keys();
    names
        .filter(|name| name.ends_with("channels_last"))
        .collect()
}

#[test]
fn outputs_beside_last_states_are_sequences() {
    network! { struct Pooled: [7, 3] -> [5] {
        rnn: Lstm<_, 5, FinalState>, SelectPart<0>, GlobalAvgPool1d,
    } }
    network! { struct Mean: [7, 3] -> [5] {
        rnn: Lstm<_, 5, FinalState>, SelectPart<0>, MeanOverTime,
    } }
    network! { struct Largest: [7, 3] -> [5] {
        rnn: Gru<_, 5, FinalState>, SelectPart<0>, MaxOverTime,
    } }
    network! { struct Convolved: [7, 3] -> [5, 4] {
        rnn: Gru<_, 5, FinalState>, SelectPart<0>, Conv1d<_, 4, 3>,
    } }
    network! { struct State: [7, 3] -> [2] {
        rnn: Gru<_, 5, FinalState>, SelectPart<1>, Linear<_, 2>,
    } }
    assert_eq!(marks(&*Pooled::zeros()), [""; 0]);
    assert_eq!(marks(&*Mean::zeros()), [""; 0]);
    assert_eq!(marks(&*Largest::zeros()), [""; 0]);
    assert_eq!(marks(&*Convolved::zeros()), [""; 0]);
    assert_eq!(marks(&*State::zeros()), [""; 0]);
}

#[test]
fn weights_in_the_program_have_the_same_order() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/reference/weights.safetensors"
    );
    let mut loaded = WithEncoder::zeros();
    loaded.load(path).unwrap();
    assert_eq!(IN_THE_PROGRAM.params(), loaded.params());
    let file = read(&std::fs::read(path).unwrap());
    // The second feature in the file is the second pixel of the first channel, which is the third
    // feature here.
    assert_eq!(
        loaded.encoder.fc.weight[2][0],
        file["encoder.fc.weight"].1[1]
    );
}
