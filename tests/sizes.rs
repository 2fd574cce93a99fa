//! Sizes that do not fit into memory or into a number. The results are the same with and without
//! overflow checks, so these tests run in debug and release builds.

use shapewright::prelude::*;
use shapewright::{
    Parameters,
    ext::{BackwardInput, FeatureOrder, Forward, Infer, Inferred, Layer, Needs, ShapeRule, Train},
    nn::{
        AdaptiveMaxPool1d, AvgPool1d, Embedding, Flatten, Lstm, MaxPool1d, Overlap,
        ReflectionPad1d, ReflectionPad2d, ReplicationPad1d, ReplicationPad2d, Reshape, Slice,
        Upsample, UpsampleBilinear, ZeroPad1d, ZeroPad2d,
    },
    tensor::{Dims, Element, Rank1, Rank2, Rank3},
};

/// The smallest number whose square does not fit in a `usize`.
const HALF: usize = 1 << (usize::BITS / 2);
const TOP: usize = 1 << (usize::BITS - 1);

#[test]
fn lengths_do_not_wrap() {
    assert_eq!(Dims::new(&[HALF, HALF]).checked_len(), None);
    assert_eq!(Dims::new(&[HALF, HALF]).len(), usize::MAX - 1);
    assert_eq!(Dims::new(&[HALF, HALF, 0]).checked_len(), Some(0));
    assert_eq!(Dims::new(&[TOP, 2, 3]).len(), usize::MAX - 1);
    assert_eq!(Dims::new(&[TOP - 1, 2]).checked_len(), None);
    assert_eq!(Dims::new(&[3, 4, 5]).checked_len(), Some(60));
    const PARTS: &[Dims] = &[Dims::new(&[TOP]), Dims::new(&[TOP]), Dims::new(&[7])];
    assert_eq!(Dims::tuple(PARTS).checked_len(), None);
    assert_eq!(<Rank2<HALF, HALF> as Shape>::LEN, usize::MAX - 1);
    assert_eq!(<(Rank1<TOP>, Rank1<TOP>) as Shape>::LEN, usize::MAX - 1);
}

#[test]
fn lengths_of_parameters_do_not_wrap() {
    assert_eq!(
        <[[f32; HALF]; HALF] as Parameters<f32>>::LEN,
        usize::MAX - 1
    );
    assert_eq!(
        <[[f32; HALF]; HALF] as Parameters<f32>>::COUNT,
        usize::MAX - 1
    );
    assert_eq!(<[[f64; TOP]; 0] as Parameters<f64>>::LEN, 0);
}

/// Returns the number of elements of a layer's output, or `None` if the layer refuses the input.
fn answer<L: ShapeRule<In>, In: Shape>() -> Option<usize> {
    let fit: Inferred = L::OUTPUT.within_memory();
    fit.is_fine().then(|| fit.output().len())
}

#[test]
fn layers_refuse_what_does_not_fit() {
    // If the arithmetic wrapped, this dilation would count as 1.
    assert_eq!(answer::<MaxPool1d<3, 1, 0, 1>, Rank2<9, 2>>(), Some(14));
    assert_eq!(
        answer::<MaxPool1d<3, 1, 0, { TOP + 1 }>, Rank2<9, 2>>(),
        None
    );
    assert_eq!(
        answer::<MaxPool1d<{ usize::MAX - 1 }, 1, TOP, 1>, Rank2<9, 2>>(),
        None
    );
    assert_eq!(answer::<MaxPool1d<1, TOP, 0, 1>, Rank2<9, 2>>(), None);
    assert_eq!(
        answer::<AvgPool1d<TOP, 1, { TOP / 2 }>, Rank2<9, 2>>(),
        None
    );
    assert_eq!(
        answer::<AdaptiveMaxPool1d<{ HALF / 2 - 1 }>, Rank2<{ HALF / 2 }, 1>>(),
        None
    );

    assert_eq!(answer::<Upsample<2, 1>, Rank3<2, 1, 1>>(), Some(4));
    assert_eq!(answer::<Upsample<{ TOP + 1 }, 1>, Rank3<2, 1, 1>>(), None);
    assert_eq!(
        answer::<UpsampleBilinear<HALF, HALF>, Rank3<1, 1, 1>>(),
        None
    );
    assert_eq!(
        answer::<ZeroPad2d<TOP, { TOP + 1 }, 0, 0>, Rank3<1, 1, 1>>(),
        None
    );
    assert_eq!(
        answer::<ZeroPad2d<HALF, 0, HALF, 0>, Rank3<1, 1, 1>>(),
        None
    );

    assert_eq!(answer::<ZeroPad1d<TOP, { TOP + 1 }>, Rank2<1, 1>>(), None);
    assert_eq!(answer::<ReplicationPad1d<TOP, TOP>, Rank2<1, 1>>(), None);
    assert_eq!(answer::<ReflectionPad1d<TOP, TOP>, Rank2<3, 1>>(), None);
    assert_eq!(
        answer::<ReplicationPad2d<TOP, TOP, 0, 0>, Rank3<1, 1, 1>>(),
        None
    );
    assert_eq!(
        answer::<ReflectionPad2d<0, 0, TOP, TOP>, Rank3<3, 1, 1>>(),
        None
    );
    assert_eq!(answer::<Overlap<{ usize::MAX }>, Rank2<2, 2>>(), None);
    assert_eq!(answer::<Overlap<HALF>, Rank2<HALF, 1>>(), None);
    assert_eq!(answer::<Slice<TOP, { TOP + 1 }>, Rank2<3, 1>>(), None);
    assert_eq!(answer::<Slice<2, 1>, Rank2<3, HALF>>(), Some(HALF));

    assert_eq!(answer::<Reshape<3, HALF, HALF, 3>, Rank1<3>>(), None);
    assert_eq!(answer::<Reshape<2, { TOP + 1 }, 2>, Rank1<2>>(), None);
    assert_eq!(answer::<Flatten, Rank2<HALF, HALF>>(), None);
    assert_eq!(answer::<Linear<1, HALF>, Rank2<HALF, 1>>(), None);
    assert_eq!(answer::<Embedding<2, HALF>, Rank1<HALF>>(), None);
    assert_eq!(answer::<Lstm<1, HALF>, Rank2<HALF, 1>>(), None);
    assert_eq!(answer::<Relu, Rank1<{ usize::MAX / 8 }>>(), None);
}

/// Options in the order of the type: channels, kernel, stride, padding, dilation, groups.
#[test]
fn convolutions_refuse_what_does_not_fit() {
    type One<const K: usize, const S: usize, const P: usize, const D: usize> =
        Conv1d<1, 1, K, S, P, D, 1, false, false, 1>;
    assert_eq!(answer::<One<3, 1, 1, 1>, Rank2<9, 1>>(), Some(9));
    assert_eq!(answer::<One<3, 1, 0, { TOP + 1 }>, Rank2<9, 1>>(), None);
    assert_eq!(answer::<One<1, TOP, { TOP / 2 }, 1>, Rank2<9, 1>>(), None);
    assert_eq!(answer::<One<1, TOP, 0, 1>, Rank2<9, 1>>(), None);
    assert_eq!(
        answer::<One<{ usize::MAX - 1 }, 1, TOP, 1>, Rank2<9, 1>>(),
        None
    );
    assert_eq!(answer::<One<1, 1, { TOP - 4 }, 1>, Rank2<9, 1>>(), None);

    // Windows of 2^32 by 2^32 pixels: if the arithmetic wrapped, the padded image would have no
    // elements.
    type Two<const S: usize, const P: usize, const D: usize> =
        Conv2d<1, 1, 2, 2, S, S, P, P, D, D, 1, false, 1>;
    assert_eq!(answer::<Two<1, 1, 1>, Rank3<2, 2, 1>>(), Some(9));
    assert_eq!(
        answer::<Two<{ HALF / 2 }, { HALF / 2 }, { HALF / 2 - 1 }>, Rank3<1, 1, 1>>(),
        None
    );

    type Up<const S: usize, const P: usize> =
        ConvTranspose2d<1, 1, 1, 1, S, S, P, P, 0, 0, 1, 1, 1, false, 1>;
    assert_eq!(answer::<Up<2, 0>, Rank3<2, 2, 1>>(), Some(9));
    assert_eq!(answer::<Up<{ TOP / 2 }, TOP>, Rank3<5, 5, 1>>(), None);
    assert_eq!(answer::<Up<TOP, 0>, Rank3<3, 1, 1>>(), None);
}

/// A network may have more multiply-adds than fit in a number.
#[test]
fn multiply_adds_stop_at_the_largest_number() {
    network! { struct Wide: [268435456, 268435456] -> [1] { Linear<_, 268435456>, Tanh, Flatten, Linear<_, 1> } }
    assert_eq!(Wide::MACS, usize::MAX - 1);
    assert!(
        Wide::summary()
            .to_string()
            .contains("18,446,744,073,709,551,614")
    );
}

/// A layer that needs scratch memory, with the default training.
struct Scratch;

impl<In: Shape> ShapeRule<In> for Scratch {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}

impl<T: Element> Layer<T> for Scratch {
    type Config = ();
    type Params = ();
}

impl<S: Shape, T: Element> Infer<S, S, T> for Scratch {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    const NEEDS: Needs = Needs::NONE.per_sample::<T>(S::LEN);

    fn forward(call: Forward<'_, Self, S, S, T>) {
        let Forward {
            x, y, mut scratch, ..
        } = call;
        let scratch = scratch.take(S::LEN);
        scratch.copy_from_slice(Tensor::flatten(x));
        for (y, scratch) in y.iter_mut().zip(scratch.chunks(S::LEN)) {
            y.as_mut_slice().copy_from_slice(scratch);
        }
    }
}

impl<S: Shape, T: Element> Train<S, S, T> for Scratch {
    const READS_OUTPUT: bool = false;

    fn backward_input(call: BackwardInput<'_, Self, S, S, T>) {
        let BackwardInput { dy, dx, .. } = call;
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
    }
}

#[test]
fn training_has_the_scratch_memory_of_inference() {
    network! { struct Net: [3] -> [3] { self::Scratch, self::Scratch } }
    let net = Net::zeros();
    let x = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]].map(Tensor1::from);
    let mut workspace = Net::workspace();
    assert_eq!(net.forward_train(&x, &mut workspace).outputs(), x);
    assert_eq!(net.forward(&x[1]), x[1]);
}

/// Networks whose activations are larger than any memory: their batches need 2^66, 2^63 and 2^58
/// bytes.
mod beyond_memory {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use shapewright::prelude::*;
    use shapewright::{OutOfMemory, train::TrainError};

    network! { struct Large: [1, 1, 1] -> [1] { Upsample<(2097152, 4194304)>, GlobalAvgPool2d } }
    network! { struct Inside: [1, 1, 1] -> [1] {
        Residual { Upsample<(2097152, 2097152)>, AvgPool2d<(2097152, 2097152)> }, Flatten
    } }
    network! { struct Outputs: [1, 1, 1] -> [2097152, 134217728, 1] { Upsample<(2097152, 134217728)> } }

    fn panic_of<R>(f: impl FnOnce() -> R) -> String {
        let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
            panic!("there is no such memory")
        };
        payload
            .downcast_ref::<String>()
            .expect("a sentence")
            .clone()
    }

    fn sentence(what: &str, each: u128, count: u128, reason: &str) -> String {
        let bytes = each * count;
        format!(
            "{what} needs {bytes} bytes of memory, {each} for each, {reason}; take fewer samples at a time"
        )
    }

    const ADDRESS: &str = "more than a program can address";
    const SYSTEM: &str = "which the system does not give";

    #[test]
    fn training_passes_say_how_much_they_need() {
        // 2^43 numbers and their gradients for each of 2^20 samples: 2^64 numbers.
        let x = vec![Tensor3::ones(); 1 << 20];
        let found = panic_of(|| {
            let _ = Large::zeros().forward_train(&x, &mut Large::workspace());
        });
        let what = "a training pass of `Large` on a batch of 1048576";
        assert_eq!(found, sentence(what, 1 << 46, 1 << 20, ADDRESS));
        assert_eq!(panic_of(|| Large::workspace().reserve(1 << 20)), found);

        // 2^58 bytes are addressable, but the system does not have them.
        let error: OutOfMemory = Large::workspace()
            .try_reserve(1 << 12)
            .expect_err("2^58 bytes");
        let what = "a training pass of `Large` on a batch of 4096";
        assert_eq!(error.to_string(), sentence(what, 1 << 46, 1 << 12, SYSTEM));
        assert_eq!(error.bytes(), 1 << 58);

        let mut workspace = Inside::workspace();
        assert!(workspace.try_reserve(usize::MAX).is_err());
        assert!(workspace.try_reserve(1 << 19).is_err());
        assert!(workspace.try_reserve(0).is_ok());
    }

    #[test]
    fn inference_says_how_much_it_needs() {
        let x = vec![Tensor3::ones(); 1 << 17];
        let found =
            panic_of(|| Large::zeros().forward_batch(&x, &mut vec![Tensor1::zeros(); 1 << 17]));
        let pieces = sentence("inference of `Large` on a batch of 64", 1 << 45, 64, SYSTEM);
        assert_eq!(found, pieces);
        let found = panic_of(|| Inside::zeros().forward(&x[0]));
        assert!(
            found.starts_with("inference of `Inside` on a batch of 1 needs "),
            "{found}"
        );
    }

    #[test]
    fn trainers_give_an_error() {
        let x = vec![Tensor3::ones(); 1 << 20];
        let targets = vec![Tensor1::zeros(); 1 << 20];
        let trainer = Large::trainer(Sgd::new(0.1), Mse).batch_size(usize::MAX);
        let error = trainer
            .fit(&mut Large::zeros(), &x, &targets)
            .expect_err("2^66 bytes");
        let TrainError::Memory(error) = &error else {
            panic!("{error}")
        };
        let what = "a training pass of `Large` on a batch of 1048576";
        assert_eq!(error.to_string(), sentence(what, 1 << 46, 1 << 20, ADDRESS));

        // Gradients of the outputs alone: 2^48 numbers for each of 2^13 samples.
        let error = Outputs::workspace()
            .try_reserve(1 << 13)
            .expect_err("2^63 bytes");
        let what = "a training pass of `Outputs` on a batch of 8192";
        assert_eq!(error.to_string(), sentence(what, 1 << 50, 1 << 13, ADDRESS));
    }
}
