//! The constants of a network account for all memory that its calls allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use shapewright::prelude::*;
use shapewright::{tensor::Element, threads};

/// The number of bytes that all threads have allocated.
static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size.saturating_sub(layout.size()), Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(memory, layout, size) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A buffer consists of whole cache lines, of which it has at least four.
const ROUNDING: usize = 4 * 64;

/// Returns the number of bytes that a call allocates.
fn allocated(call: impl FnOnce()) -> usize {
    let before = BYTES.load(Relaxed);
    call();
    BYTES.load(Relaxed) - before
}

/// Asserts that a call allocates at most this many bytes, beyond the rounding of this many buffers.
#[track_caller]
fn assert_at_most(what: &str, bytes: usize, buffers: usize, call: impl FnOnce()) {
    let found = allocated(call);
    println!("{what}: {found} bytes of {bytes}");
    assert!(
        found <= bytes + buffers * ROUNDING,
        "{what} allocates {found} bytes, and {bytes} are told"
    );
}

/// Returns inputs that are also valid indices of an embedding.
fn inputs<N: Network>(batch: usize) -> Vec<Tensor<N::Input, N::Element>> {
    vec![Tensor::full(N::Element::from_f64_lossy(1.0)); batch]
}

/// Checks the first call of a thread, with one sample or with a batch.
fn inference<N: Network + 'static>(batch: usize) {
    let first_call = move || {
        let net = N::init(&mut shapewright::rng(0));
        let x = inputs::<N>(batch);
        let mut y = vec![Tensor::<N::Output, N::Element>::zeros(); batch];

        if batch == 1 {
            assert_at_most(
                &format!("the first forward of {}", N::NAME),
                N::workspace_bytes(1, 1),
                1,
                || net.forward_into(&x[0], &mut y[0]),
            );
        }

        assert_at_most(
            &format!("the first forward_batch of {} on {batch}", N::NAME),
            N::workspace_bytes(batch, 1),
            1,
            || net.forward_batch(&x, &mut y),
        );
    };

    // A new thread has kept no memory yet.
    std::thread::spawn(first_call).join().expect("a first call");
    assert_eq!(
        N::workspace_bytes(1, 1),
        N::WORKSPACE_BYTES,
        "{} on one sample",
        N::NAME
    );
}

/// Checks the reservation of a workspace and its first step.
fn training<N: Trainable>(batch: usize, count: usize) {
    let net = N::init(&mut shapewright::rng(0));
    let x = inputs::<N>(batch);
    let mut gradient = N::zeros();
    let mut workspace = N::workspace();

    let told = batch * N::TRAIN_WORKSPACE_BYTES + count * N::TRAIN_THREAD_BYTES;
    let what = format!(
        "the first step of {} on {batch} samples and {count} threads",
        N::NAME
    );
    assert_at_most(&what, told, 4, || {
        workspace.reserve(batch);
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut()[0]
            .as_mut_slice()
            .fill(N::Element::from_f64_lossy(0.1));
        pass.backward(&mut gradient);
    });
    // The second step allocates nothing.
    assert_at_most(&what, 0, 0, || {
        net.forward_train(&x, &mut workspace)
            .backward(&mut gradient);
    });
    let inputs = batch * N::Input::LEN * size_of::<N::Element>();
    assert_at_most(&what, inputs, 1, || {
        net.forward_train(&x, &mut workspace)
            .backward_with_input(&mut gradient);
    });
}

network! { struct Tiny: [4] -> [3] { Linear<_, 10>, Relu, Linear<_, 3> } }
network! { struct Dense: [784] -> [10] { Linear<_, 600>, Relu, Linear<_, 128>, Tanh, Linear<_, 10> } }
network! { struct Wide: [3] -> [70000] { Linear<_, 4>, Linear<_, 70000> } }
network! { struct Rows: [300, 24] -> [300, 5] { Linear<_, 70>, Gelu, LayerNorm, Linear<_, 5>, Softmax } }
network! { struct Attention: [70, 24] -> [70, 24] {
    PositionalEmbedding, MultiHeadAttention<_, 4, Causal, KvHeads<2>, Rotary>(0.1), MultiHeadAttention<_, 3>,
} }
network! { struct Double: [24] -> [5] as f64 { Linear<_, 9>, Tanh, BatchNorm1d<_>, Linear<_, 5> } }
network! { struct LeNet: [28, 28, 1] -> [10] {
    Conv2d<_, 6, 5, Pad<2>>, Relu, MaxPool2d<2>, Conv2d<_, 16, 5>, Relu, MaxPool2d<2>,
    Flatten, Linear<_, 120>, Relu, Linear<_, 84>, Relu, Linear<_, 10>,
} }
network! { struct Tiles: [17, 18, 32] -> [5] {
    Conv2d<_, 64, 3, Pad<1>>, Relu, Conv2d<_, 32, 3, Pad<1>>, Conv2d<_, 20, 1>, Flatten, Linear<_, 5>
} }
network! { struct Kernels: [24, 20, 12] -> [5] {
    Conv2d<_, 24, 3, Groups<12>>, Conv2d<_, 8, 5, Stride<2>, Dilation<2>, Pad<3>>, AvgPool2d<3, Pad<1>, ExcludePad>,
    ConvTranspose2d<_, 12, 3, Stride<2>>, ConvTranspose2d<_, 6, 1>, UpsampleBilinear<2>, AdaptiveAvgPool2d<5>,
    Upsample<2>, Flatten, Linear<_, 5>,
} }
network! { struct Sequence: [50, 7] -> [50, 3] {
    Conv1d<_, 9, 5, Pad<2>>, Tanh, AvgPool1d<3, Stride<1>, Pad<1>>, Conv1d<_, 3, 3, Pad<1>>
} }
network! { struct Norms: [16, 16, 12] -> [5] {
    BatchNorm2d<_>, Relu, GroupNorm<3, _>, InstanceNorm2d<_, Affine>, Dropout2d, LayerNorm<_, _, _>,
    Reshape<_, 12>, BatchNorm1d<_, NoAffine>, RmsNorm, LayerNorm, Flatten, Linear<_, 5>,
} }
network! { struct Recurrent: [20, 7] -> [20, 36] {
    Lstm<_, 40, Layers<3>, Bidirectional>(0.2), Gru<_, 20, Layers<2>, ResetBefore>, Rnn<_, 30>, Gru<_, 36>
} }
network! { struct Cell: (x: [7], h: [30]) -> (y: [20], next: [30]) {
    Concat <- (x, h), Linear<_, 30>, LayerNorm, Dropout(0.1), next: Tanh, y: Linear<_, 20>,
} }
network! {
    struct Spectral: [6, 6, 2] -> [3] {
        SpectralNorm<Conv2d<_, 8, 3>>, Relu, Flatten, SpectralNorm<Linear<_, 3>>,
    }
}
network! {
    struct Bits: [8, 8, 2] -> [3] {
        Int8<Conv2d<_, 8, 3>>, Relu, Int8<Conv2d<_, 8, 3, Groups<8>>>, Flatten, Int8<Linear<_, 3>>,
    }
}
network! {
    struct Rounded: [8, 8, 2] -> [3] { FakeQuantize<Conv2d<_, 8, 3>>, Relu, Flatten, FakeQuantize<Linear<_, 3>> }
}
network! { struct Scanned: [20, 7] -> [20, 9] { Scan<Cell>, Linear<_, 9> } }
network! { struct Words: [12] -> [12, 900] {
    Embedding<900, 40>, Linear<_, 40>, Gelu, Unembedding<_, 900>
} }
network! { struct Blocks: [12, 12, 8] -> [7] {
    Repeat<3> { Residual { Conv2d<_, 8, 3, Pad<1>>, Relu, Conv2d<_, 8, 3, Pad<1>> }, Relu },
    Residual { Conv2d<_, 16, 3, Pad<1>, Stride<2>>, shortcut: { Conv2d<_, 16, 1, Stride<2>> } },
    Concat { a: { Conv2d<_, 4, 1>, Tanh }, b: Conv2d<_, 4, 3, Pad<1>>, skip: {} },
    Flatten,
    Linear<_, 7>,
} }
network! { struct Maxima: [50, 7] -> [7] { MaxOverTime } }
network! { struct Nested: [28, 28, 1] -> [3] { lenet: LeNet, dense: Dense3 } }
network! { struct Dense3: [10] -> [3] { Linear<_, 50>, Relu, Linear<_, 3> } }

fn check<N: Trainable + 'static>(batches: &[usize]) {
    threads::set_threads(1);
    inference::<N>(1);
    batches.iter().for_each(|&batch| inference::<N>(batch));
    for count in [1, 2] {
        threads::set_threads(count);
        training::<N>(1, count);
        batches
            .iter()
            .for_each(|&batch| training::<N>(batch, count));
    }
}

/// One test, because the counter sees all threads.
#[test]
fn networks_tell_all_that_they_allocate() {
    if !cfg!(target_arch = "x86_64") {
        println!(
            "skipped: on this processor large products are left to matrixmultiply, which allocates"
        );
        return;
    }

    // The first large call spawns the workers and counts the processors.
    threads::set_threads(2);
    let net = LeNet::zeros();
    for _ in 0..5 {
        net.forward_batch(&inputs::<LeNet>(200), &mut vec![Tensor1::zeros(); 200]);
    }

    // A panel of the product of the weight's gradient, whose inner dimension is the batch, and the
    // sums of a run of it.
    const { assert!(Tiny::TRAIN_THREAD_BYTES <= 4 * (256 * 16 + 4 * 10 + 16)) };
    check::<Tiny>(&[7, 1000]);
    check::<Dense>(&[2, 64, 300]);
    check::<Wide>(&[5]);
    check::<Rows>(&[2, 30]);
    check::<Attention>(&[2, 30]);
    // Larger products of `f64` are left to matrixmultiply.
    check::<Double>(&[2]);
    check::<LeNet>(&[2, 65]);
    check::<Tiles>(&[2, 12]);
    check::<Kernels>(&[3, 20]);
    check::<Sequence>(&[3, 70]);
    check::<Norms>(&[3, 20]);
    check::<Recurrent>(&[2, 9]);
    check::<Scanned>(&[2, 9]);
    check::<Spectral>(&[2, 9]);
    check::<Rounded>(&[2, 9]);
    inference::<Bits>(1);
    inference::<Bits>(9);
    check::<Words>(&[2, 30]);
    check::<Blocks>(&[3, 20]);
    check::<Maxima>(&[3, 70]);
    check::<Nested>(&[3, 20]);

    // The counter itself works.
    assert!(allocated(|| drop(std::hint::black_box(Tiny::zeros()))) >= Tiny::PARAMS * 4);
}
