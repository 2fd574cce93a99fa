//! Times the workloads of the peers in `benches/peers`, and prints one JSON line per figure:
//!
//! ```sh
//! cargo bench --bench workloads -- --workload mlp,iris --threads 1
//! ```
//!
//! Figures are medians after a warm-up. Machines drift, so run programs that are to be compared
//! side by side; the lines of the peers have the same form. `SHAPEWRIGHT_TIER=avx2` or `portable`
//! selects another instruction tier.

use core::error::Error;
use core::hint::black_box;
use core::time::Duration;
use std::time::Instant;

use rand::RngExt;
use rand::distr::StandardUniform;
use shapewright::nn::Calibration;
use shapewright::prelude::*;
use shapewright::tensor::Element;
use shapewright::tier::Tier;
use shapewright::with_flushed_denormals;

/// The number of samples of a figure.
const SAMPLES: usize = 101;
/// The duration of a sample.
const SAMPLE: Duration = Duration::from_millis(10);

network! {
    struct Iris: [4] -> [3] {
        hidden: Linear<_, 10>,
        Relu,
        head: Linear<_, 3>,
    }
}

network! {
    #[quantized(MlpInt8)]
    struct Mlp: [784] -> [10] {
        fc1: Linear<_, 128>,
        Relu,
        fc2: Linear<_, 64>,
        Relu,
        head: Linear<_, 10>,
    }
}

network! {
    #[quantized(CnnInt8)]
    struct Cnn: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 32, 3>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 64, 3>,
        Relu,
        Flatten,
        fc: Linear<_, 128>,
        Relu,
        head: Linear<_, 10>,
    }
}

network! {
    struct LeNet: [28, 28, 1] -> [10] {
        conv1: Conv2d<_, 6, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc1: Linear<_, 120>,
        Relu,
        fc2: Linear<_, 84>,
        Relu,
        head: Linear<_, 10>,
    }
}

network! {
    struct LstmRows: [28, 28] -> [10] {
        lstm: Lstm<_, 64>,
        SelectLast,
        head: Linear<_, 10>,
    }
}

network! {
    /// A block of a transformer, with normalizations before its parts.
    struct GptBlock<const CONTEXT: usize, const WIDTH: usize, const HEADS: usize>:
        [CONTEXT, WIDTH] -> [CONTEXT, WIDTH]
    {
        Residual { ln1: LayerNorm, attention: MultiHeadAttention<_, HEADS, Causal> },
        Residual {
            ln2: LayerNorm,
            fc1: Linear<_, { 4 * WIDTH }>,
            Gelu,
            fc2: Linear<_, WIDTH>,
        },
    }
}
network! { struct CharBlock = GptBlock<64, 128, 4>; }
network! {
    struct CharGpt: [64] -> [64, 65] {
        wte: Embedding<65, 128>,
        wpe: PositionalEmbedding,
        blocks: Repeat<4> { block: CharBlock },
        ln: LayerNorm,
        head: Linear<_, 65>,
    }
}
network! {
    #[stream]
    struct CharStreamBlock = GptBlock<64, 128, 4>;
}
network! {
    /// The same layers, for generation.
    #[stream]
    struct CharStream: [64] -> [64, 65] {
        wte: Embedding<65, 128>,
        wpe: PositionalEmbedding,
        blocks: Repeat<4> { block: CharStreamBlock },
        ln: LayerNorm,
        head: Linear<_, 65>,
    }
}
network! {
    struct VaeDecoder: [20] -> [784] { fc: Linear<_, 400>, Relu, out: Linear<_, 784> }
}
network! {
    struct Vae: [784] -> (image: [784], mean: [20], log_variance: [20]) {
        fc: Linear<_, 400>,
        hidden: Relu,
        mean: Linear<_, 20>,
        log_variance: Linear<_, 20> <- hidden,
        Reparameterize <- (mean, log_variance),
        image: VaeDecoder,
    }
}
network! {
    struct CharAttention: [64, 128] -> [64, 128] {
        attention: MultiHeadAttention<_, 4, Causal>,
    }
}
network! { struct Mnist1: [28, 28, 1] -> [26, 26, 32] { Conv2d<_, 32, 3> } }
network! { struct Mnist2: [13, 13, 32] -> [11, 11, 64] { Conv2d<_, 64, 3> } }
network! { struct LeNet1: [28, 28, 1] -> [24, 24, 6] { Conv2d<_, 6, 5> } }
network! { struct LeNet2: [12, 12, 6] -> [8, 8, 16] { Conv2d<_, 16, 5> } }
network! { struct Cifar: [32, 32, 64] -> [32, 32, 64] { Conv2d<_, 64, 3, Pad<1>> } }
network! { struct Halving: [16, 16, 64] -> [8, 8, 128] { Conv2d<_, 128, 3, Stride<2>, Pad<1>> } }
network! { struct Depthwise: [16, 16, 64] -> [16, 16, 64] { Conv2d<_, 64, 3, Pad<1>, Groups<64>> } }

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse()?;
    shapewright::threads::set_threads(options.threads);

    let bench = Bench { options };
    bench.run("iris", || bench.iris());
    bench.run("mlp", || bench.mlp());
    bench.run("mlp_dead_units", || bench.mlp_dead_units());
    bench.run("cnn", || {
        bench.network::<Cnn, 10, _>("cnn", 64, Adam::new(1e-3))
    });
    bench.run("lenet", || {
        bench.network::<LeNet, 10, _>("lenet", 128, Adam::new(1e-3))
    });
    bench.run("lstm", || {
        bench.network::<LstmRows, 10, _>("lstm", 64, Adam::new(1e-3))
    });
    bench.run("vae", || bench.vae());
    bench.run("stream", || bench.streams());
    bench.run("gpt", || bench.gpt());
    bench.run("gemm", || bench.gemm());
    bench.run("adam", || bench.adam());
    bench.run("conv", || bench.convolutions());
    bench.run("widths", || bench.widths());
    bench.run("int8", || bench.int8());

    Ok(())
}

/// The arguments of the program.
struct Options {
    /// The names of the workloads to run; empty for all.
    workloads: Vec<String>,
    threads: usize,
}

const WORKLOADS: [&str; 14] = [
    "iris",
    "mlp",
    "mlp_dead_units",
    "cnn",
    "lenet",
    "lstm",
    "vae",
    "stream",
    "gpt",
    "gemm",
    "adam",
    "conv",
    "widths",
    "int8",
];

impl Options {
    fn parse() -> Result<Self, Box<dyn Error>> {
        let mut options = Options {
            workloads: Vec::new(),
            threads: 1,
        };

        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--workload" => {
                    options.workloads = value()?.split(',').map(str::to_owned).collect()
                }
                "--threads" => options.threads = value()?.parse()?,
                // Cargo passes it to every bench.
                "--bench" => {}
                other => {
                    return Err(format!("{other}: expected --workload a,b or --threads n").into());
                }
            }
        }

        if let Some(unknown) = options
            .workloads
            .iter()
            .find(|name| !WORKLOADS.contains(&name.as_str()))
        {
            return Err(
                format!("no workload {unknown}; there are {}", WORKLOADS.join(", ")).into(),
            );
        }

        Ok(options)
    }
}

/// A run of the program.
struct Bench {
    options: Options,
}

impl Bench {
    /// Runs a workload if it was asked for.
    fn run(&self, workload: &str, f: impl FnOnce()) {
        if self.options.workloads.is_empty()
            || self.options.workloads.iter().any(|name| name == workload)
        {
            f();
        }
    }

    /// Prints a figure as a line of JSON.
    fn print(&self, workload: &str, figure: &str, value: f64) {
        println!(
            r#"{{"peer":"shapewright","version":"{}","tier":"{}","threads":{},"workload":"{workload}","figure":"{figure}","value":{value:.4}}}"#,
            env!("CARGO_PKG_VERSION"),
            shapewright::tier::tier(),
            self.options.threads,
        );
    }

    /// Times inference of one sample and of 64 in `f32` and with 8-bit weights, in turn.
    fn int8(&self) {
        self.quantized::<Mlp>("mlp");
        self.quantized::<Cnn>("cnn");
    }

    fn quantized<N: Quantizable>(&self, name: &str) {
        let mut rng = shapewright::rng(1);
        let net = N::init(&mut rng);
        let x: Vec<Tensor<N::Input>> = (0..64)
            .map(|_| Tensor::random(StandardUniform, &mut rng))
            .collect();
        let int8 = net.quantized(&Calibration::min_max(), &x);
        let int8 = int8.expect("finite numbers");
        self.infer(&format!("{name}_f32"), &*net, &x);
        self.infer(&format!("{name}_int8"), &*int8, &x);
        self.infer(&format!("{name}_f32_again"), &*net, &x);
    }

    fn infer<N: Network<Element = f32>>(&self, name: &str, net: &N, x: &[Tensor<N::Input>]) {
        let mut y = vec![Tensor::<N::Output>::zeros(); x.len()];
        for batch in [1, 64] {
            let ns = median_ns(|| {
                net.forward_batch(black_box(&x[..batch]), &mut y[..batch]);
                black_box(&y);
            });
            self.print("int8", &format!("{name}_b{batch}_us"), ns / 1e3);
        }
    }

    fn iris(&self) {
        self.network::<Iris, 3, _>("iris", 32, Adam::new(1e-3));
    }

    fn mlp(&self) {
        self.network::<Mlp, 10, _>("mlp", 64, Sgd::new(0.01).momentum(0.9));
    }

    /// Times steps of optimizers with gradients, and again 5000 steps after all units died; then
    /// inference with denormal weights and with denormal inputs, without and within a scope that
    /// flushes them. On Intel's processors, arithmetic on denormal numbers takes some 100 times as
    /// long.
    fn mlp_dead_units(&self) {
        self.dead_steps("sgd", Sgd::new(0.01).momentum(0.9));
        self.dead_steps("adam", Adam::new(1e-3).betas(0.9, 0.95));
        self.dead_steps("rmsprop", RmsProp::new(1e-3).alpha(0.95).momentum(0.9));

        let mut rng = shapewright::rng(1);
        let mut net = Mlp::init(&mut rng);
        let mut x: Vec<Tensor<_>> = (0..64)
            .map(|_| Tensor::random(StandardUniform, &mut rng))
            .collect();
        let mut y = vec![Tensor::zeros(); 64];
        let mut infer = |figure: &str, net: &Mlp, x: &[Tensor1<784>]| {
            let ns = median_ns(|| {
                net.forward_batch(black_box(x), &mut y);
                black_box(&y);
            });
            self.print("mlp_dead_units", figure, ns / 1e3);
        };

        infer("infer_b64_us", &net, &x);
        net.params_mut().iter_mut().for_each(|p| *p *= 1e-38);
        infer("infer_b64_denormal_weights_us", &net, &x);
        with_flushed_denormals(|| infer("infer_b64_denormal_weights_flushed_us", &net, &x));

        let net = Mlp::init(&mut rng);
        x.iter_mut()
            .flat_map(|x| x.as_mut_slice())
            .for_each(|x| *x *= 1e-39);
        infer("infer_b64_denormal_inputs_us", &net, &x);
        with_flushed_denormals(|| infer("infer_b64_denormal_inputs_flushed_us", &net, &x));
    }

    /// Times steps of an optimizer with a gradient, and after 5000 steps without one.
    fn dead_steps(&self, name: &str, optimizer: impl Optimizer + Sync) {
        let mut rng = shapewright::rng(1);
        let mut net = Mlp::init(&mut rng);
        let mut gradient = Mlp::init(&mut rng);
        let mut state = optimizer.state::<Mlp>();

        let alive = median_ns(|| state.step(&mut net, black_box(&gradient)));
        self.print(
            "mlp_dead_units",
            &format!("{name}_us_per_step"),
            alive / 1e3,
        );

        gradient.params_mut().fill(0.0);
        (0..5000).for_each(|_| state.step(&mut net, &gradient));
        let dead = median_ns(|| state.step(&mut net, black_box(&gradient)));
        self.print(
            "mlp_dead_units",
            &format!("{name}_dead_us_per_step"),
            dead / 1e3,
        );
    }

    /// Times a training step, and inference of one sample and of 64.
    fn network<N, const CLASSES: usize, O>(&self, workload: &str, batch: usize, optimizer: O)
    where
        N: Trainable<
                Element = f32,
                Output = shapewright::tensor::Rank1<CLASSES>,
                Ends = shapewright::emitted::Values,
            >,
        O: Optimizer + Sync,
    {
        let mut rng = shapewright::rng(1);
        let mut net = N::init(&mut rng);
        let x: Vec<Tensor<N::Input>> = (0..64.max(batch))
            .map(|_| Tensor::random(StandardUniform, &mut rng))
            .collect();
        let labels: Vec<Label<CLASSES>> = x
            .iter()
            .map(|_| {
                Label::new(rng.random_range(0..CLASSES))
                    .expect("a class out of the range of classes")
            })
            .collect();

        let mut gradient = N::zeros();
        let mut workspace = N::workspace();
        let mut state = optimizer.state::<N>();
        let step = median_ns(|| {
            let mut pass = net.forward_train(black_box(&x[..batch]), &mut workspace);
            black_box(pass.loss(&CrossEntropy, &labels[..batch]));
            pass.backward(&mut gradient);
            state.step(&mut net, &gradient);
        });
        self.print(workload, "train_us_per_step", step / 1e3);

        let one = median_ns(|| {
            black_box(net.forward(black_box(&x[0])));
        });
        self.print(workload, "infer_b1_us", one / 1e3);

        let mut y = vec![Tensor::zeros(); 64];
        let many = median_ns(|| {
            net.forward_batch(black_box(&x[..64]), &mut y);
            black_box(&y);
        });
        self.print(workload, "infer_b64_us", many / 1e3);
    }

    /// Times networks of two hidden layers at ten widths.
    fn widths(&self) {
        macro_rules! widths {
            ($($width:literal $workload:literal;)*) => { $({
                network! {
                    struct Net: [$width] -> [10] {
                        fc1: Linear<_, $width>,
                        Relu,
                        fc2: Linear<_, $width>,
                        Relu,
                        head: Linear<_, 10>,
                    }
                }
                self.network::<Net, 10, _>($workload, 32, Adam::new(1e-3));
            })* };
        }
        widths! {
            4 "width_4";
            8 "width_8";
            16 "width_16";
            32 "width_32";
            64 "width_64";
            128 "width_128";
            256 "width_256";
            512 "width_512";
            1024 "width_1024";
            2048 "width_2048";
        }
    }

    /// Times a training step of a variational autoencoder at batch 128, and inference.
    fn vae(&self) {
        let mut rng = shapewright::rng(1);
        let mut net = Vae::init(&mut rng);
        let x: Vec<Tensor1<784>> = (0..128)
            .map(|_| Tensor::random(StandardUniform, &mut rng))
            .collect();

        let mut gradient = Vae::zeros();
        let mut workspace = Vae::workspace();
        let mut state = Adam::new(1e-3).state::<Vae>();
        let step = median_ns(|| {
            let mut pass = net.forward_train(black_box(&x), &mut workspace);
            black_box(pass.loss(&NegativeElbo(BceWithLogits), &x));
            pass.backward(&mut gradient);
            state.step(&mut net, &gradient);
        });
        self.print("vae", "train_us_per_step", step / 1e3);

        let mut y = vec![Tensor::zeros(); 64];
        let one = median_ns(|| net.forward_batch(black_box(&x[..1]), &mut y[..1]));
        self.print("vae", "infer_b1_us", one / 1e3);
        let many = median_ns(|| net.forward_batch(black_box(&x[..64]), &mut y));
        self.print("vae", "infer_b64_us", many / 1e3);
    }

    /// Times steps of streams: one input, a recurrent layer, one output. Each step waits for the one
    /// before it.
    fn streams(&self) {
        macro_rules! cells {
            ($($layer:ident $hidden:literal $figure:literal;)*) => { $({
                network! {
                    struct Stream: [1, 1] -> [1, 1] { rnn: $layer<_, $hidden>, head: Linear<_, 1> }
                }
                self.stream::<Stream>($figure);
            })* };
        }
        cells! {
            Lstm 8 "stream_lstm_8_ns";
            Lstm 16 "stream_lstm_16_ns";
            Lstm 32 "stream_lstm_32_ns";
            Lstm 64 "stream_lstm_64_ns";
            Gru 8 "stream_gru_8_ns";
            Gru 16 "stream_gru_16_ns";
            Gru 32 "stream_gru_32_ns";
            Gru 64 "stream_gru_64_ns";
        }
        network! { struct Rows: [1, 28] -> [1, 64] { rnn: Lstm<_, 64> } }
        self.stream::<Rows>("stream_lstm_28_to_64_ns");
    }

    /// Times a step of a stream, within a scope that flushes denormal numbers.
    fn stream<N: Network<Element = f32>>(&self, figure: &str) {
        let mut rng = shapewright::rng(1);
        let net = N::init(&mut rng);
        let x: Tensor<N::Input> = Tensor::random(StandardUniform, &mut rng);
        let mut state = N::state();
        let ns = with_flushed_denormals(|| {
            median_ns(|| {
                black_box(net.step(black_box(&x), &mut state));
            })
        });
        self.print("stream", figure, ns);
    }

    /// Times a training step of a character model at batch 12, and inference of one sequence and of
    /// 12; then the same of one of its attentions.
    fn gpt(&self) {
        let mut rng = shapewright::rng(1);
        let mut net = CharGpt::init(&mut rng);
        let mut draw = || -> [u8; 64] { std::array::from_fn(|_| rng.random_range(0..65)) };
        let mut x = Vec::new();
        let mut labels = Vec::new();
        for _ in 0..12 {
            let indices = Index::<65>::from_numbers(&draw()).expect("characters");
            x.push(Tensor1::from_indices(&indices).expect("64 characters"));
            let next = Label::<65>::from_numbers(&draw()).expect("characters");
            labels.push(<[Label<65>; 64]>::try_from(next).expect("64 characters"));
        }

        let mut gradient = CharGpt::zeros();
        let mut workspace = CharGpt::workspace();
        let optimizer = AdamW::new(1e-3);
        let mut state = optimizer.state::<CharGpt>();
        let step = median_ns(|| {
            let mut pass = net.forward_train(black_box(&x), &mut workspace);
            black_box(pass.loss(&CrossEntropy, &labels));
            pass.backward(&mut gradient);
            state.step(&mut net, &gradient);
        });
        self.print("gpt", "train_us_per_step", step / 1e3);

        let mut y = vec![Tensor::zeros(); 12];
        let one = median_ns(|| net.forward_batch(black_box(&x[..1]), &mut y[..1]));
        self.print("gpt", "infer_b1_us", one / 1e3);
        let many = median_ns(|| net.forward_batch(black_box(&x), &mut y));
        self.print("gpt", "infer_b64_us", many / 1e3);

        self.generation();

        let net = CharAttention::init(&mut rng);
        let x: Vec<Tensor<_>> = (0..12)
            .map(|_| Tensor::random(StandardUniform, &mut rng))
            .collect();
        let mut y = vec![Tensor::zeros(); 12];
        let mut gradient = CharAttention::zeros();
        let mut workspace = CharAttention::workspace();
        let forward = median_ns(|| net.forward_batch(black_box(&x), &mut y));
        self.print("gpt", "attention_forward_us", forward / 1e3);
        let all = median_ns(|| {
            net.forward_train(black_box(&x), &mut workspace)
                .backward_with_input(&mut gradient);
        });
        self.print("gpt", "attention_train_us", all / 1e3);
    }

    /// Times a token of the most probable continuation: of 63 after a first one.
    fn generation(&self) {
        let net = CharStream::init(&mut shapewright::rng(1));
        let mut stream = CharStream::stream_boxed();
        let mut scores = Tensor::zeros();
        let ns = median_ns(|| {
            stream.reset();
            let mut token = 0;
            for _ in 0..63 {
                stream.step_into(&net, &Tensor0::from(token as f32), &mut scores);
                token = scores.argmax();
            }
            black_box(token);
        });
        self.print("gpt", "gen_us_per_token", ns / 63e3);
    }

    /// Times convolutions of several shapes.
    fn convolutions(&self) {
        self.convolution::<Mnist1>("mnist1");
        self.convolution::<Mnist2>("mnist2");
        self.convolution::<LeNet1>("lenet1");
        self.convolution::<LeNet2>("lenet2");
        self.convolution::<Cifar>("cifar");
        self.convolution::<Halving>("halving");
        self.convolution::<Depthwise>("depthwise");
    }

    /// Times one convolution on a batch of 16, in billions of useful floating-point operations per
    /// second: forward; with the gradient of the parameters; with that of the input as well.
    fn convolution<N: Trainable<Element = f32>>(&self, layer: &str) {
        let mut rng = shapewright::rng(1);
        let net = N::init(&mut rng);
        let x: Vec<Tensor<N::Input>> = (0..16)
            .map(|_| Tensor::random(StandardUniform, &mut rng))
            .collect();
        let mut y = vec![Tensor::zeros(); 16];
        let mut gradient = N::zeros();
        let mut workspace = N::workspace();
        let flops = (2 * N::MACS * x.len()) as f64;

        let forward = median_ns(|| {
            net.forward_batch(black_box(&x), &mut y);
            black_box(&y);
        });
        self.print("conv", &format!("{layer}_forward_gflops"), flops / forward);

        let params = median_ns(|| {
            net.forward_train(black_box(&x), &mut workspace)
                .backward(&mut gradient)
        });
        self.print(
            "conv",
            &format!("{layer}_params_gflops"),
            2.0 * flops / params,
        );

        let all = median_ns(|| {
            net.forward_train(black_box(&x), &mut workspace)
                .backward_with_input(&mut gradient);
        });
        self.print("conv", &format!("{layer}_all_gflops"), 3.0 * flops / all);
    }

    /// Times a product of two 512 by 512 matrices, in billions of floating-point operations per
    /// second.
    fn gemm(&self) {
        let mut rng = shapewright::rng(1);
        let a = Tensor2::<512, 512>::random_boxed(StandardUniform, &mut rng);
        let b = Tensor2::<512, 512>::random_boxed(StandardUniform, &mut rng);
        let mut c = Tensor2::<512, 512>::zeros_boxed();

        let ns = median_ns(|| {
            black_box(&*a).matmul_into(black_box(&*b), &mut c);
            black_box(&c);
        });
        self.print("gemm", "gemm512_gflops", 2.0 * 512f64.powi(3) / ns);
        if let Some(gflops) = peak_gflops() {
            self.print("gemm", "core_peak_gflops", gflops);
        }
    }

    /// Times a step of Adam over 1,048,576 parameters, and a step that only moves the same memory,
    /// in turn, as the bandwidth changes from second to second. The ratio is the median of the
    /// ratios of neighbouring steps.
    fn adam(&self) {
        network! { struct Square: [1024] -> [1024] { Linear<_, 1024, NoBias> } }
        let mut net = Square::init(&mut shapewright::rng(1));
        let gradient = Square::init(&mut shapewright::rng(2));
        let mut adam = Adam::new(1e-3).state::<Square>();
        let mut streams = Streams { lr: 0.0 }.state::<Square>();

        let time = |step: &mut dyn FnMut()| {
            let start = Instant::now();
            step();
            start.elapsed().as_secs_f64() * 1e6
        };
        let mut samples: Vec<[f64; 2]> = (0..10 * SAMPLES)
            .map(|_| {
                let step = time(&mut || adam.step(&mut net, black_box(&gradient)));
                let memory = time(&mut || streams.step(&mut net, black_box(&gradient)));
                [step, memory]
            })
            .collect();

        let mut median = |f: &dyn Fn(&[f64; 2]) -> f64| {
            samples.sort_by(|a, b| f(a).total_cmp(&f(b)));
            f(&samples[samples.len() / 2])
        };
        self.print("adam", "adam_us_per_step", median(&|[step, _]| *step));
        self.print("adam", "memory_us_per_step", median(&|[_, memory]| *memory));
        self.print(
            "adam",
            "adam_to_memory",
            median(&|[step, memory]| step / memory),
        );
    }
}

/// A lower bound on a step of Adam: an optimizer that reads the same four streams and writes the
/// same three, with one addition each.
#[derive(Clone, Debug)]
struct Streams {
    lr: f64,
}

impl Optimizer for Streams {
    fn states(&self) -> usize {
        2
    }

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn update<T: Element>(
        &self,
        _: u64,
        params: &mut [T],
        gradient: &[T],
        states: &mut [&mut [T]],
    ) {
        let [first, second] = states else {
            unreachable!("two states")
        };
        match shapewright::tier::tier() {
            // SAFETY (both): a tier is in force only on a processor that has it.
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => unsafe { add_avx512(params, gradient, first, second) },
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => unsafe { add_avx2(params, gradient, first, second) },
            _ => add(params, gradient, first, second),
        }
    }
}

#[inline(always)]
fn add<T: Element>(params: &mut [T], gradient: &[T], first: &mut [T], second: &mut [T]) {
    for (((p, &g), m), v) in params.iter_mut().zip(gradient).zip(first).zip(second) {
        *p += g;
        *m += g;
        *v += g;
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl")]
fn add_avx512<T: Element>(params: &mut [T], gradient: &[T], first: &mut [T], second: &mut [T]) {
    add(params, gradient, first, second);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_avx2<T: Element>(params: &mut [T], gradient: &[T], first: &mut [T], second: &mut [T]) {
    add(params, gradient, first, second);
}

/// Returns the peak of one core in the tier in force: fused multiply-adds on registers alone, with
/// enough independent chains to hide their latency.
#[cfg(target_arch = "x86_64")]
fn peak_gflops() -> Option<f64> {
    const STEPS: usize = 1000;
    const CHAINS: usize = 12;

    macro_rules! chains {
        ($name:ident, $features:literal, $splat:ident, $fma:ident, $lanes:literal) => {
            #[target_feature(enable = $features)]
            fn $name() -> f64 {
                use core::arch::x86_64::{$fma, $splat};
                let mut sums = [$splat(black_box(1.0)); CHAINS];
                let factor = $splat(black_box(0.5));
                let term = $splat(black_box(1.0));
                for _ in 0..STEPS {
                    for sum in &mut sums {
                        *sum = $fma(*sum, factor, term);
                    }
                }
                black_box(sums);
                (2 * STEPS * CHAINS * $lanes) as f64
            }
        };
    }
    chains!(avx512, "avx512f", _mm512_set1_ps, _mm512_fmadd_ps, 16);
    chains!(avx2, "avx2,fma", _mm256_set1_ps, _mm256_fmadd_ps, 8);

    match shapewright::tier::tier() {
        // SAFETY (both): a tier is in force only on a processor that has it.
        Tier::Avx512 => {
            Some(unsafe { avx512() } / median_ns(|| _ = black_box(unsafe { avx512() })))
        }
        Tier::Avx2 => Some(unsafe { avx2() } / median_ns(|| _ = black_box(unsafe { avx2() }))),
        _ => None,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn peak_gflops() -> Option<f64> {
    None
}

/// Returns the median time of a call, in nanoseconds. Each sample times as many calls as fill it.
fn median_ns(mut f: impl FnMut()) -> f64 {
    let time = |calls: u32, f: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..calls).for_each(|_| f());
        start.elapsed()
    };

    // Warms up, and finds the number of calls that fill a sample.
    let mut calls = 1;
    let mut elapsed = time(calls, &mut f);
    while elapsed < SAMPLE {
        let samples = SAMPLE.div_duration_f64(elapsed.max(Duration::from_nanos(1)));
        calls = (calls * 2).max((calls as f64 * samples) as u32 / 2);
        elapsed = time(calls, &mut f);
    }
    calls = ((calls as f64 * SAMPLE.div_duration_f64(elapsed)) as u32).max(1);

    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| f());
            start.elapsed().as_nanos() as f64 / f64::from(calls)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    samples[SAMPLES / 2]
}
