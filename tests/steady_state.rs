//! After one call that warms up, neither inference nor training allocates, on any thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use shapewright::augment::{
    ColorJitter, GaussianNoise, MixUp, RandomAffine, RandomApply, RandomCrop, RandomErasing,
    RandomHorizontalFlip,
};
use shapewright::data::Batches;
use shapewright::data::text::NextToken;
use shapewright::generate::Sampling;
use shapewright::loss::{IgnorePadding, Padded};
use shapewright::metrics::{Accuracy, Average, F1};
use shapewright::prelude::*;
use shapewright::{optim::OptimizerState, tensor::Element, threads};

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
/// True if the test has begun.
static BEGUN: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// True if this thread belongs to the test harness, as it allocated before the test began.
    static OF_HARNESS: Cell<bool> = const { Cell::new(false) };
}

/// Counts the allocations of all threads but the harness's.
fn count() {
    if !BEGUN.load(Ordering::Relaxed) {
        OF_HARNESS.set(true);
    } else if !OF_HARNESS.get() {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    }
}

struct Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
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

/// Asserts that the second and later calls do not allocate.
#[track_caller]
fn assert_steady(what: &str, mut call: impl FnMut()) {
    // Workers that sleep come too late to a short first call, and have no job in it.
    std::thread::sleep(Duration::from_millis(2));
    call();
    for _ in 0..4 {
        assert_eq!(
            allocations(&mut call),
            0,
            "{what} allocates, on {} threads",
            threads::threads()
        );
    }
}

fn allocations(call: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    call();
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

network! { struct Tiny: [4] -> [3] { Linear<_, 10>, Relu, Linear<_, 3> } }
network! { struct Small: [20] -> [5] { Linear<_, 300>, Tanh, Linear<_, 40>, Gelu, Linear<_, 5>, Softmax } }
network! { struct Body: [256] -> [16, 16] { Linear<_, 600>, Relu, Dropout, Linear<_, 256>, Gelu, Reshape<16, _>,
Tanh, Softmax, Linear<_, 16>, Dropout(0.1) } }
network! { struct Images: [8, 8, 3] -> [5] { Conv2d<_, 20, 3, Pad<1>>, Relu, Conv2d<_, 20, 3, Groups<20>, Stride<2>>,
ConvTranspose2d<_, 12, 3, Stride<2>>, Conv2d<_, 6, 1>, Tanh, Flatten, Linear<_, 5> } }
network! { struct Tiles: [13, 12, 16] -> [5] { Conv2d<_, 32, 3, Pad<1>>, Relu, Conv2d<_, 16, 3>, Flatten, Linear<_, 160>,
Linear<_, 2048>, Linear<_, 5> } }
network! { struct Flat: [16, 16] -> [256] { Flatten } }
network! { struct Norms: [16, 16, 12] -> [5] { BatchNorm2d<_>, Relu, GroupNorm<3, _>, InstanceNorm2d<_, Affine>,
Dropout2d, LayerNorm<_, _, _>, Reshape<_, 12>, BatchNorm1d<_, NoAffine>, RmsNorm, LayerNorm, Flatten, Linear<_, 5> } }
network! { struct Image: [8, 6, 5] -> [4] { ReflectionPad2d<(1, 2, 0, 0)>, ReplicationPad2d<1>,
Overlap<3>, Conv2d<_, 8, (1, 3)>, Magnitude, ZeroPad2d<1>, Upsample<2>, MaxPool2d<2>, UpsampleBilinear<2>,
AvgPool2d<3, Stride<2>, Pad<1>, ExcludePad>, AdaptiveMaxPool2d<(5, 3)>, AdaptiveAvgPool2d<2>, GlobalAvgPool2d,
Linear<_, 4> } }
network! { struct Whole: [256] -> [10] { Body, Flat, Linear<_, 200, NoBias>, Sigmoid, Linear<_, 10> } }
network! { struct Lookup: [6, 2] -> [5] { Embedding<900, 40>, Flatten, Linear<_, 300>, Relu, Linear<_, 5> } }
network! { struct Two: (image: [8, 8, 3], row: [60]) -> [4] { Conv2d<_, 8, 3> <- image, flat: Flatten,
Concat <- (flat, row), Linear<_, 70>, Relu, Linear<_, 4> } }
network! { struct Nested: [8, 8, 3] -> [4] { flat: Flatten, row: Linear<_, 60>, two: Two <- (input, row) } }
network! { struct Steps: [30, 20] -> [5] { Residual { Transpose, Linear<_, 30>, Permute<1, 0> }, SelectLast, Linear<_, 5> } }
network! { struct Latent: (x: [30, 20], mask: [30]) -> [5] { Slice<2, 28> <- x, ReflectionPad1d<1>, ZeroPad1d<1>,
ReplicationPad1d<1>, cut: Slice<2, 30>, mean: MeanOverTime, max: MaxOverTime <- (cut, mask),
Reparameterize <- (mean, max), Linear<_, 5> } }
network! { struct Attention: (x: [40, 24], memory: [30, 9], mask: [30], bias: [40, 30]) -> [40, 24] {
places: PositionalEmbedding <- x, PositionalEncoding, own: MultiHeadAttention<_, 4, Causal, KvHeads<2>, Rotary>(0.1),
cross: MultiHeadAttention<_, 2, Cross, KeyPaddingMask, AttentionBias> <- (own, memory, mask, bias),
Add <- (places, cross) } }

network! { struct Recurrent: [30, 20] -> [5] { Lstm<_, 40, Layers<3>, Bidirectional>(0.2), Gru<_, 20, ResetBefore>,
Rnn<_, 30>, SelectLast, Linear<_, 5> } }

network! { struct Unit: (x: [12], h: [30]) -> (y: [20], next: [30]) { Concat <- (x, h), Linear<_, 30>, LayerNorm,
Dropout(0.1), next: Tanh, y: Linear<_, 20> } }
network! { struct Spectral: [30, 12] -> [28, 9] { SpectralNorm<Conv1d<_, 9, 3>>, SpectralNorm<Linear<_, 9>> } }
network! { struct Bits: [8, 8, 3] -> [5] { Int8<Conv2d<_, 20, 3, Pad<1>>>, Relu, Int8<Conv2d<_, 20, 3, Groups<20>>>,
Flatten, Int8<Linear<_, 5>> } }
network! { struct Rounded: [8, 8, 3] -> [5] { FakeQuantize<Conv2d<_, 20, 3>>, Relu, Flatten, FakeQuantize<Linear<_, 5>> } }
network! { struct Scanned: [30, 12] -> [30] { Scan<Unit, FinalState>, SelectPart<1>, Linear<_, 30> } }

fn inference<N: Network>(batch: usize) {
    let net = N::init(&mut shapewright::rng(0));
    let x = vec![Tensor::<N::Input, N::Element>::ones(); batch];
    let mut y = vec![Tensor::<N::Output, N::Element>::zeros(); batch];
    assert_steady(&format!("forward of {}", N::NAME), || {
        y[0] = net.forward(&x[0])
    });
    assert_steady(&format!("forward_into of {}", N::NAME), || {
        net.forward_into(&x[0], &mut y[0])
    });
    assert_steady(&format!("forward_batch of {}", N::NAME), || {
        net.forward_batch(&x, &mut y)
    });
}

fn training<N: Trainable, O: Optimizer + Sync>(batch: usize, optimizer: O) {
    let mut net = N::init(&mut shapewright::rng(0));
    let x = vec![Tensor::<N::Input, N::Element>::ones(); batch];
    let mut workspace = N::workspace();
    let mut gradient = N::zeros();
    let mut state: OptimizerState<O, N> = optimizer.state();
    let mut average = WeightAverage::<N>::ema(0.9);

    assert_steady(&format!("training of {}", N::NAME), || {
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut()[0]
            .as_mut_slice()
            .fill(N::Element::from_f64_lossy(0.1));
        pass.backward(&mut gradient);

        let pass = net.forward_train(&x[..batch / 2], &mut workspace);
        pass.backward_accumulate(&mut gradient);

        let pass = net.forward_train(&x, &mut workspace);
        pass.backward_with_input(&mut gradient);

        clip_grad_norm(&mut *gradient, 1.0).expect("a finite norm");
        l2_penalty(&*net, layer!(N), 0.01, &mut *gradient);
        state.step(&mut net, &gradient);
        average.update(&net);
    });
}

fn losses() {
    let net = Tiny::init(&mut shapewright::rng(0));
    let x = [Tensor1::ones(); 40];
    let mut workspace = Tiny::workspace();
    let mut gradient = Tiny::zeros();
    let labels = [Label::<3>::default(); 40];
    let targets = [Tensor1::<3>::zeros(); 40];
    assert_steady("a step with each loss", || {
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.loss(&CrossEntropy, &labels);
        pass.loss(&BceWithLogits, &targets);
        pass.loss(&Mse.reduction(Reduction::Sum), &targets);
        pass.backward(&mut gradient);
    });
}

fn batches_and_metrics() {
    let mut rng = shapewright::rng(0);
    let x = vec![Tensor1::<4>::ones(); 50];
    let labels = vec![Label::<3>::default(); 50];
    let mut batches = Batches::new(&x, &labels, 16);
    assert_steady("a pass over batches", || {
        batches.shuffle(&mut rng);
        while let Some((x, labels)) = batches.next_batch() {
            std::hint::black_box((x, labels));
        }
    });
    let mut accuracy = Accuracy::new();
    let mut f1 = F1::new(Average::Macro);
    let outputs = vec![Tensor1::<3>::ones(); 50];
    assert_steady("updating metrics", || {
        accuracy.update(&outputs, &labels);
        f1.update(&outputs, &labels);
    });
}

/// Windows of a text, losses without padding, and the choice of tokens.
fn sequences() {
    let tokens = vec![Index::<30>::default(); 500];
    let windows = NextToken::<30, 8>::new(&tokens).expect("windows").draw(60);
    let mut rng = shapewright::rng(0);
    let mut batches: Batches<'_, Tensor1<8>, _> = Batches::of_dataset(&windows, 16);
    assert_steady("a pass over windows", || {
        batches.shuffle(&mut rng);
        while let Some((x, labels)) = batches.next_batch() {
            std::hint::black_box((x, labels));
        }
    });

    let outputs = [Tensor2::<8, 3>::ones(); 4];
    let mut gradients = [Tensor2::zeros(); 4];
    let targets = [Padded::new(Tensor2::zeros(), 5); 4];
    assert_steady("a loss without padding", || {
        IgnorePadding(Mse).loss(&outputs, &targets, &mut gradients);
    });

    let sampling = Sampling::new().repetition_penalty(1.2).top_k(20);
    let mut sampler = sampling
        .top_p(0.9)
        .min_p(0.05)
        .sampler::<30>()
        .expect("settings");
    let logits = Tensor1::<30>::normal(0.0, 1.0, &mut rng);
    let mut next = || {
        std::hint::black_box(sampler.next(&logits, &tokens)).expect("a token");
    };
    // Not even the first token allocates.
    assert_eq!(allocations(&mut next), 0);
    assert_steady("the choice of a token", next);
}

/// Counts allocations in the steps of two trainings: one whose batches other threads gather, and
/// one whose batches another thread changes.
fn trainers() {
    network! { struct Image: [16, 16, 3] -> [5] { Flatten, Linear<_, 5> } }
    let x = vec![Tensor3::ones(); 200];
    let labels = vec![Label::<5>::default(); 200];

    let list = (
        RandomHorizontalFlip::new(0.5),
        RandomCrop::<2>::new(),
        RandomAffine::new(10.0).scale(0.8, 1.2),
        ColorJitter::new().brightness(0.2).contrast(0.2),
        RandomApply::new((GaussianNoise::new(0.1), RandomErasing::new(0.5)), 0.5),
    );

    let trainer = || {
        Image::trainer(Sgd::new(0.01), CrossEntropy)
            .epochs(6)
            .batch_size(4)
    };

    for trainer in [trainer(), trainer().augment(list).mixup(MixUp::new(0.2))] {
        let mut counts = Vec::with_capacity(1000);
        trainer
            .on_step(|_, _| {
                counts.push(ALLOCATIONS.load(Ordering::Relaxed));
                ControlFlow::Continue(())
            })
            .fit(&mut Image::init(&mut shapewright::rng(0)), &x, &labels)
            .expect("a training");

        assert_eq!(counts.len(), 6 * 50);
        let allocating: Vec<_> = (51..counts.len())
            .filter(|&step| counts[step] > counts[step - 1])
            .collect();
        assert!(
            allocating.is_empty(),
            "after the first 50, the steps {allocating:?} allocate"
        );
    }
}

/// After `reserve`, the first step of a workspace does not allocate either.
fn reserved() {
    let net = Whole::init(&mut shapewright::rng(0));
    let mut gradient = Whole::zeros();
    let x = vec![Tensor1::ones(); 12];
    let mut first_step = || {
        let mut workspace = Whole::workspace();
        workspace.reserve(x.len());
        allocations(|| {
            net.forward_train(&x, &mut workspace)
                .backward(&mut gradient)
        })
    };
    assert_eq!([(); 3].map(|()| first_step()), [0; 3]);
}

/// One test, because the counter sees all threads.
#[test]
fn nothing_is_allocated_after_the_first_call() {
    OF_HARNESS.set(false);
    BEGUN.store(true, Ordering::Relaxed);

    if !cfg!(target_arch = "x86_64") {
        println!(
            "skipped: on this processor large products are left to matrixmultiply, which allocates"
        );
        return;
    }

    for count in [1, 2] {
        threads::set_threads(count);

        inference::<Tiny>(7);
        inference::<Small>(70);
        inference::<Whole>(70);
        inference::<Norms>(5);
        inference::<Lookup>(70);
        inference::<Steps>(9);
        inference::<Recurrent>(9);
        inference::<Scanned>(9);
        inference::<Spectral>(9);
        inference::<Bits>(9);
        inference::<Rounded>(9);
        inference::<Latent>(9);
        inference::<Attention>(9);
        training::<Attention, _>(9, Adam::new(0.01));
        inference::<Image>(9);
        inference::<Images>(12);
        inference::<Nested>(70);
        inference::<Tiles>(12);

        training::<Tiny, _>(8, Sgd::new(0.1));
        training::<Images, _>(12, Sgd::new(0.1));
        training::<Nested, _>(40, Sgd::new(0.1));
        training::<Tiles, _>(12, Sgd::new(0.1));
        training::<Small, _>(40, Adam::new(0.1));
        training::<Whole, _>(12, Sgd::new(0.1).momentum(0.9));
        training::<Lookup, _>(40, Adam::new(0.1));
        training::<Steps, _>(12, Adam::new(0.1));
        training::<Recurrent, _>(12, Adam::new(0.1));
        training::<Scanned, _>(12, Adam::new(0.1));
        training::<Spectral, _>(12, Adam::new(0.1));
        training::<Rounded, _>(12, Adam::new(0.1));
        training::<Latent, _>(12, Adam::new(0.1));
        training::<Whole, _>(12, Adam::new(0.1));
        training::<Norms, _>(12, Adam::new(0.1));
        training::<Image, _>(12, Adam::new(0.1));
        training::<Whole, _>(12, RmsProp::new(0.1).centered(true).momentum(0.9));
        training::<Whole, _>(12, NAdam::new(0.1));

        losses();
        batches_and_metrics();
        sequences();
        trainers();
        reserved();
    }

    // The counter itself works.
    assert!(allocations(|| drop(std::hint::black_box(Tiny::zeros()))) > 0);
}
