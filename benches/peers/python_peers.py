#!/usr/bin/env python3
"""Times PyTorch, JAX, TensorFlow and ONNX Runtime on the workloads of our own bench.

    python3 benches/peers/python_peers.py --peer jax --workload iris,mlp,gemm --threads 1

prints one JSON line per figure. --peer, --workload and --threads take one name
or several with commas; each peer runs in a process of its own for each number
of threads. Without arguments everything runs; a peer that is not installed is
skipped, with a line that says so. --check times nothing: it trains 64 steps
and fails where the peers' losses and outputs differ or a loss does not fall.

Workloads (all f32, random data of a fixed seed, already in memory):

    iris  4 - 10 ReLU - 3, cross-entropy, Adam 1e-3, batches of 32
    mlp   784 - 128 ReLU - 64 ReLU - 10, cross-entropy, SGD 0.01 with
          momentum 0.9, batches of 64
    cnn   images of 28 x 28 x 1, Conv 32 3x3 - ReLU - MaxPool 2 - Conv 64 3x3 -
          ReLU - 128 ReLU - 10, cross-entropy, Adam 1e-3, batches of 64
    lenet images of 28 x 28 x 1, Conv 6 5x5 - ReLU - MaxPool 2 - Conv 16 5x5 -
          ReLU - MaxPool 2 - 120 ReLU - 84 ReLU - 10, cross-entropy, Adam 1e-3,
          batches of 128
    gemm  a product of two 512 x 512 matrices

Convolutions have stride 1 and no padding. Images lie in memory as the peer
prefers them.

Figures:

    train_us_per_step          forward, loss, backward and update, microseconds
    infer_b1_us, infer_b64_us  forward of 1 and of 64 samples, microseconds
    gemm512_gflops             GFLOP/s, a multiply-add counted as two

Each figure is a median over samples taken for --seconds after a warm-up. A
sample is one call, or, where a call takes less than 0.2 ms, a run of calls one
after another, divided by their number. Each call's result is ready before the
next call starts, and the last of each sample is read.

With N threads the process is confined to N CPUs, and the peer's own pool is
set to N threads.
"""

import argparse
import contextlib
import gc
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import time
from typing import NamedTuple

PEERS = ["torch", "jax", "tensorflow", "onnxruntime"]


class Network(NamedTuple):
    shape: tuple  # of one input; images are height, width, channels
    layers: list  # convolutions: channels and kernel
    batch: int
    optimizer: str


FLATTEN, RELU, POOL = ("flatten",), ("relu",), ("pool",)  # maxima of 2 x 2
linear = lambda features: ("linear", features)
conv = lambda channels, kernel: ("conv", channels, kernel)
NETWORKS = {
    "iris": Network((4,), [linear(10), RELU, linear(3)], 32, "adam"),
    "mlp": Network((784,), [linear(128), RELU, linear(64), RELU, linear(10)], 64, "sgd"),
    "cnn": Network(
        (28, 28, 1),
        [conv(32, 3), RELU, POOL, conv(64, 3), RELU, FLATTEN, linear(128), RELU, linear(10)],
        64,
        "adam",
    ),
    "lenet": Network(
        (28, 28, 1),
        [conv(6, 5), RELU, POOL, conv(16, 5), RELU, POOL, FLATTEN]
        + [linear(120), RELU, linear(84), RELU, linear(10)],
        128,
        "adam",
    ),
}
WORKLOADS = [*NETWORKS, "gemm"]
BATCHES = 8  # different training batches, used in turn
GEMM = 512


# -------------------------------------------------------------------- timing


def median_seconds(call, read, seconds):
    """Returns the median time of call(). read() takes the last result of each sample."""
    clock = time.perf_counter_ns
    end = clock() + int(0.3 * seconds * 1e9)
    warm = 0
    start = clock()
    while warm < 5 or clock() < end:
        out = call()
        warm += 1
    once = (clock() - start) / warm
    read(out)
    run = range(max(1, round(200_000 / once)))
    samples = []
    gc.collect()
    gc.disable()
    end = clock() + int(seconds * 1e9)
    while len(samples) < 11 or clock() < end:
        start = clock()
        for _ in run:
            out = call()
        samples.append((clock() - start) / len(run))
        read(out)
    gc.enable()
    return statistics.median(samples) / 1e9


def read_numpy(out):
    import numpy as np

    if not np.isfinite(np.asarray(out)).all():
        raise SystemExit("a result is not finite")


def weights(network, rng):
    """Returns the layers with PyTorch's initial distribution: (kind, weight,
    bias) with weights as [in, out] and [height, width, in, out], or (kind, the
    shape of its input)."""
    shape, layers = network.shape, []
    for kind, *sizes in network.layers:
        if sizes:
            n_out, kernel = sizes[0], sizes[1:] * 2
            bound = math.prod([*kernel, shape[-1]]) ** -0.5
            weight = rng.uniform(-bound, bound, (*kernel, shape[-1], n_out)).astype("float32")
            bias = rng.uniform(-bound, bound, n_out).astype("float32")
            layers.append((kind, weight, bias))
            shape = (*(n - k + 1 for n, k in zip(shape, kernel)), n_out)
        else:
            layers.append((kind, shape))
            if kind == "pool":
                shape = (shape[0] // 2, shape[1] // 2, shape[2])
            elif kind == "flatten":
                shape = (math.prod(shape),)
    return layers


def channels_first(layers):
    """Converts layers to images as channels, height, width: weights of
    convolutions become [out, in, height, width], those of linear layers stay
    [in, out]."""
    image = None
    for kind, first, *bias in layers:
        if kind == "flatten":
            image = first
        elif kind == "conv":
            first = first.transpose(3, 2, 0, 1).copy()
        elif kind == "linear" and image:
            first = first.reshape(*image, -1).transpose(2, 0, 1, 3).reshape(first.shape)
            image = None
        yield kind, first, *bias


def batches(network, batch, rng):
    return [
        (
            rng.standard_normal((batch, *network.shape)).astype("float32"),
            rng.integers(0, network.layers[-1][1], batch),
        )
        for _ in range(BATCHES)
    ]


# --------------------------------------------------------------------- torch


class Torch:
    def __init__(self, threads, channels_first=False):
        import torch

        self.torch = torch
        self.version = torch.__version__
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.format = torch.contiguous_format if channels_first else torch.channels_last

    def network(self, network, rng):
        torch, nn = self.torch, self.torch.nn
        modules = []
        for kind, *rest in channels_first(weights(network, rng)):
            if kind == "linear":
                module = nn.Linear(*rest[0].shape)
                rest[0] = rest[0].T.copy()
            elif kind == "conv":
                n_out, n_in, *kernel = rest[0].shape
                module = nn.Conv2d(n_in, n_out, kernel)
            else:
                module = {"relu": nn.ReLU, "pool": lambda: nn.MaxPool2d(2), "flatten": nn.Flatten}[kind]()
            with torch.no_grad():
                for parameter, array in zip(module.parameters(), rest):
                    parameter.copy_(torch.from_numpy(array))
            modules.append(module)
        return nn.Sequential(*modules).to(memory_format=self.format)

    def batches(self, network, batch, rng):
        for x, target in batches(network, batch, rng):
            if x.ndim == 4:
                x = x.transpose(0, 3, 1, 2).copy()
            x, target = self.torch.from_numpy(x), self.torch.from_numpy(target)
            yield (x.to(memory_format=self.format) if x.ndim == 4 else x), target

    def train(self, network, rng):
        torch = self.torch
        net = self.network(network, rng)
        data = list(self.batches(network, network.batch, rng))
        # fused: one kernel for all parameters, quicker here than the default.
        if network.optimizer == "adam":
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
        else:
            optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, fused=True)
        loss = torch.nn.CrossEntropyLoss()
        turn = itertools.cycle(data)

        def step():
            x, target = next(turn)
            optimizer.zero_grad()
            value = loss(net(x), target)
            value.backward()
            optimizer.step()
            return value.detach()

        return step, read_numpy

    def infer(self, network, batch, rng):
        net = self.network(network, rng).eval()
        x, _ = next(self.batches(network, batch, rng))
        return lambda: net(x), read_numpy

    def inference(self):
        return self.torch.inference_mode()

    def gemm(self, n, rng):
        torch = self.torch
        a, b = (torch.from_numpy(rng.standard_normal((n, n)).astype("float32")) for _ in range(2))
        out = torch.empty(n, n)
        return lambda: torch.mm(a, b, out=out), read_numpy


# ----------------------------------------------------------------------- jax


class Jax:
    inference = contextlib.nullcontext

    def __init__(self, threads, asynchronous=False):
        os.environ["JAX_PLATFORMS"] = "cpu"
        if threads == 1:
            flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
            os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
        import jax

        # On the CPU it is as quick or quicker for programs this small to run
        # them on the calling thread than to hand them to another.
        jax.config.update("jax_cpu_enable_async_dispatch", asynchronous)
        self.jax = jax
        self.version = jax.__version__

    def network(self, network, rng):
        """Returns the forward function and its parameters."""
        jax, jnp = self.jax, self.jax.numpy
        params = [tuple(map(jnp.asarray, rest)) for _, *rest in weights(network, rng) if len(rest) == 2]
        layout = ("NHWC", "HWIO", "NHWC")

        def forward(params, x):
            turn = iter(params)
            for kind, *_ in network.layers:
                if kind == "linear":
                    w, b = next(turn)
                    x = x @ w + b
                elif kind == "conv":
                    w, b = next(turn)
                    x = jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout) + b
                elif kind == "relu":
                    x = jax.nn.relu(x)
                elif kind == "pool":
                    x = self.pool(x)
                else:
                    x = x.reshape(len(x), -1)
            return x

        return forward, params

    def pool(self, x):
        n, h, w, c = x.shape
        # The gradient of lax.reduce_window is slow on the CPU: a training step took up to twice as long.
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))

    def train(self, network, rng):
        jax, jnp = self.jax, self.jax.numpy
        tree_map = jax.tree_util.tree_map
        forward, params = self.network(network, rng)
        zeros = lambda: tree_map(jnp.zeros_like, params)

        def loss(params, x, target):
            logp = jax.nn.log_softmax(forward(params, x))
            return -jnp.mean(jnp.take_along_axis(logp, target[:, None], axis=1))

        def sgd(params, buffers, grads):
            buffers = tree_map(lambda b, g: 0.9 * b + g, buffers, grads)
            return tree_map(lambda p, b: p - 0.01 * b, params, buffers), buffers

        def adam(params, state, grads):
            m, v, t = state
            t = t + 1
            m = tree_map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
            v = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
            a, b = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
            update = lambda p, m, v: p - 1e-3 * (a * m) / (jnp.sqrt(b * v) + 1e-8)
            return tree_map(update, params, m, v), (m, v, t)

        if network.optimizer == "adam":
            update, state = adam, (zeros(), zeros(), jnp.float32(0))
        else:
            update, state = sgd, zeros()

        def step(params, state, x, target):
            value, grads = jax.value_and_grad(loss)(params, x, target)
            params, state = update(params, state, grads)
            return params, state, value

        step = jax.jit(step, donate_argnums=(0, 1))
        data = [(jnp.asarray(x), jnp.asarray(t)) for x, t in batches(network, network.batch, rng)]
        turn = itertools.cycle(data)
        block = jax.block_until_ready
        held = [params, state]

        def run():
            x, target = next(turn)
            held[0], held[1], value = step(held[0], held[1], x, target)
            # All outputs of one compiled program become ready together.
            return block(value)

        return run, read_numpy

    def infer(self, network, batch, rng):
        forward, params = self.network(network, rng)
        x = self.jax.numpy.asarray(batches(network, batch, rng)[0][0])
        forward, block = self.jax.jit(forward), self.jax.block_until_ready
        return lambda: block(forward(params, x)), read_numpy

    def gemm(self, n, rng):
        jnp = self.jax.numpy
        a, b = (jnp.asarray(rng.standard_normal((n, n)).astype("float32")) for _ in range(2))
        product, block = self.jax.jit(jnp.matmul), self.jax.block_until_ready
        return lambda: block(product(a, b)), read_numpy


# ---------------------------------------------------------------- tensorflow


class TensorFlow:
    inference = contextlib.nullcontext

    def __init__(self, threads, xla=False):
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        import tensorflow as tf

        self.tf = tf
        self.version = tf.__version__
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.xla = xla

    def compiled(self, function, *arguments):
        """Returns the function traced for arguments of these shapes."""
        return self.tf.function(function, jit_compile=self.xla).get_concrete_function(*arguments)

    def network(self, network, rng):
        layers = self.tf.keras.layers
        module = {
            "linear": layers.Dense,
            "conv": layers.Conv2D,
            "relu": layers.ReLU,
            "pool": layers.MaxPool2D,
            "flatten": layers.Flatten,
        }
        modules = [module[kind](*sizes) for kind, *sizes in network.layers]
        net = self.tf.keras.Sequential([layers.Input(network.shape), *modules])
        parameters = weights(network, rng)
        net.set_weights([array for _, *rest in parameters if len(rest) == 2 for array in rest])
        return net

    def train(self, network, rng):
        tf = self.tf
        net = self.network(network, rng)
        data = [(tf.constant(x), tf.constant(t)) for x, t in batches(network, network.batch, rng)]
        if network.optimizer == "adam":
            optimizer = tf.keras.optimizers.Adam(1e-3, epsilon=1e-8)
        else:
            optimizer = tf.keras.optimizers.SGD(0.01, momentum=0.9)
        optimizer.build(net.trainable_variables)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits
        turn = itertools.cycle(data)

        def step(x, target):
            with tf.GradientTape() as tape:
                value = tf.reduce_mean(loss(target, net(x, training=True)))
            gradient = tape.gradient(value, net.trainable_variables)
            optimizer.apply_gradients(zip(gradient, net.trainable_variables))
            return value

        step = self.compiled(step, *data[0])
        return lambda: step(*next(turn)), read_numpy

    def infer(self, network, batch, rng):
        net = self.network(network, rng)
        x = self.tf.constant(batches(network, batch, rng)[0][0])
        forward = self.compiled(lambda x: net(x, training=False), x)
        return lambda: forward(x), read_numpy

    def gemm(self, n, rng):
        a, b = (self.tf.constant(rng.standard_normal((n, n)).astype("float32")) for _ in range(2))
        product = self.compiled(self.tf.matmul, a, b)
        return lambda: product(a, b), read_numpy


# --------------------------------------------------------------- onnxruntime


class OnnxRuntime:
    """ONNX Runtime, which has inference only."""

    train = None
    inference = contextlib.nullcontext

    def __init__(self, threads):
        import onnxruntime

        self.ort = onnxruntime
        self.version = onnxruntime.__version__
        self.threads = threads

    def session(self, nodes, inputs, output, constants=()):
        from onnx import TensorProto, checker, helper, numpy_helper

        info = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(
            [helper.make_node(op, i, [out], **more) for op, i, out, more in nodes],
            "workload",
            [info(*i) for i in inputs],
            [info(*output)],
            [numpy_helper.from_array(array, name) for name, array in constants],
        )
        opset = [helper.make_opsetid("", 17)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=8)
        checker.check_model(model)
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        return self.ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def bound(self, session, feed, output, shape):
        """Returns a call of the session with its input and output bound beforehand."""
        import numpy as np

        value = self.ort.OrtValue.ortvalue_from_numpy
        out = np.zeros(shape, "float32")
        binding = session.io_binding()
        for name, array in feed.items():
            binding.bind_ortvalue_input(name, value(array))
        binding.bind_ortvalue_output(output, value(out))

        def call(_held=(feed, out)):  # the binding only borrows these arrays
            session.run_with_iobinding(binding)
            return out

        return call, read_numpy

    def infer(self, network, batch, rng):
        nodes, constants, value = [], [], "x"
        operator = {"linear": "Gemm", "conv": "Conv", "relu": "Relu", "pool": "MaxPool", "flatten": "Flatten"}
        for i, (kind, *rest) in enumerate(channels_first(weights(network, rng))):
            sources = [value]
            if len(rest) == 2:
                sources += [f"w{i}", f"b{i}"]
                constants += zip(sources[1:], rest)
            value = "y" if i + 1 == len(network.layers) else f"h{i}"
            more = {"kernel_shape": [2, 2], "strides": [2, 2]} if kind == "pool" else {}
            nodes.append((operator[kind], sources, value, more))
        x = batches(network, batch, rng)[0][0]
        if x.ndim == 4:
            x = x.transpose(0, 3, 1, 2).copy()
        output = ("y", [batch, network.layers[-1][1]])
        session = self.session(nodes, [("x", x.shape)], output, constants)
        return self.bound(session, {"x": x}, *output)

    def gemm(self, n, rng):
        shape = [n, n]
        product = [("MatMul", ["a", "b"], "c", {})]
        session = self.session(product, [("a", shape), ("b", shape)], ("c", shape))
        feed = {k: rng.standard_normal((n, n)).astype("float32") for k in "ab"}
        return self.bound(session, feed, "c", shape)


# ----------------------------------------------------------------------- run


def run(peer, threads, args):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < threads:
        raise SystemExit(f"{threads} threads asked for, {len(cpus)} CPUs available")
    os.sched_setaffinity(0, cpus[:threads])
    for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
        os.environ[name] = str(threads)

    import numpy as np

    try:
        bench = {
            "torch": lambda: Torch(threads, args.torch_nchw),
            "jax": lambda: Jax(threads, args.jax_async),
            "tensorflow": lambda: TensorFlow(threads, args.tf_xla),
            "onnxruntime": lambda: OnnxRuntime(threads),
        }[peer]()
    except ModuleNotFoundError as error:
        print(f"{peer} is left out: {error}", file=sys.stderr)
        return

    def report(workload, figure, value, digits=None):
        if digits is None:
            digits = 2 if value < 100 else 1
        line = {
            "peer": peer,
            "version": bench.version,
            "threads": threads,
            "workload": workload,
            "figure": figure,
            "value": round(value, digits),
        }
        print(json.dumps(line, separators=(",", ":")), flush=True)

    for workload in args.workload:
        rng = lambda: np.random.default_rng(1)
        if workload == "gemm":
            call, read = bench.gemm(GEMM, rng())
            if args.check:
                report(workload, "check_norm", float(np.linalg.norm(call())), 5)
                continue
            time_taken = median_seconds(call, read, args.seconds)
            report(workload, "gemm512_gflops", 2 * GEMM**3 / time_taken / 1e9)
            continue
        network = NETWORKS[workload]
        if bench.train:
            step, read = bench.train(network, rng())
            if args.check:
                losses = [float(np.asarray(step())) for _ in range(8 * BATCHES)]
                report(workload, "check_first_losses", statistics.mean(losses[:BATCHES]), 5)
                report(workload, "check_last_losses", statistics.mean(losses[-BATCHES:]), 5)
            else:
                time_taken = median_seconds(step, read, args.seconds)
                report(workload, "train_us_per_step", time_taken * 1e6)
        for batch in [1, 64]:
            with bench.inference():
                call, read = bench.infer(network, batch, rng())
                if args.check:
                    report(workload, f"check_b{batch}_norm", float(np.linalg.norm(call())), 5)
                else:
                    time_taken = median_seconds(call, read, args.seconds)
                    report(workload, f"infer_b{batch}_us", time_taken * 1e6)


def disagreements(lines):
    """Returns the mistakes that --check found, as sentences."""
    found = {}
    for line in map(json.loads, lines):
        values = found.setdefault((line["workload"], line["figure"]), {})
        values[line["peer"], line["threads"]] = line["value"]
    for (workload, figure), values in found.items():
        if figure == "check_last_losses":  # rounding has grown too large to compare them
            if max(values.values()) >= min(found[workload, "check_first_losses"].values()):
                yield f"{workload}: the loss does not fall: {values}"
        elif max(values.values()) - min(values.values()) > 1e-3 * max(values.values()):
            yield f"{workload}: {figure} differs: {values}"


def main():
    several = lambda kind, allowed: lambda text: [
        value if value in allowed else parser.error(f"unknown: {value}")
        for value in map(kind, text.split(","))
    ]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", type=several(str, PEERS), default=PEERS)
    parser.add_argument("--workload", type=several(str, WORKLOADS), default=WORKLOADS)
    parser.add_argument("--threads", type=several(int, range(1, 1025)), default=[1, 2])
    parser.add_argument("--seconds", type=float, default=2.0, help="of sampling, for each figure")
    flags = {
        "--check": "compare the peers, time nothing",
        "--torch-nchw": "PyTorch's images as channels, height, width",
        "--jax-async": "leave JAX's dispatch asynchronous",
        "--tf-xla": "compile TensorFlow's functions with XLA",
    }
    for flag, help in flags.items():
        parser.add_argument(flag, action="store_true", help=help)
    args = parser.parse_args()

    jobs = list(itertools.product(args.threads, args.peer))
    if len(jobs) == 1:
        run(args.peer[0], args.threads[0], args)
        return
    failed, lines = False, []
    for threads, peer in jobs:
        command = [sys.executable, __file__, "--peer", peer, "--workload", ",".join(args.workload)]
        command += ["--threads", str(threads), "--seconds", str(args.seconds)]
        command += [flag for flag in flags if vars(args)[flag[2:].replace("-", "_")]]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line)
        failed |= child.wait() != 0
    for sentence in disagreements(lines) if args.check else []:
        print(sentence, file=sys.stderr)
        failed = True
    sys.exit(failed)


if __name__ == "__main__":
    main()
