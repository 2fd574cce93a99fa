#!/usr/bin/env python3
"""Times PyTorch, JAX and ONNX Runtime on the workloads of our own bench.

    python3 benches/peers/python_peers.py --peer jax --workload iris,mlp,gemm --threads 1

prints one JSON line a figure. --peer, --workload and --threads take one name
or several with commas; each peer runs in a process of its own for each number
of threads. Without arguments everything runs.

Workloads (all f32, random data of a fixed seed, already in memory):

    iris  4 - 10 ReLU - 3, cross-entropy, Adam 1e-3, batches of 32
    mlp   784 - 128 ReLU - 64 ReLU - 10, cross-entropy, SGD 0.01 with
          momentum 0.9, batches of 64
    gemm  a product of two 512 x 512 matrices

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
import os
import statistics
import subprocess
import sys
import time

PEERS = ["torch", "jax", "onnxruntime"]
NETWORKS = {
    # sizes, batch, optimizer
    "iris": ([4, 10, 3], 32, "adam"),
    "mlp": ([784, 128, 64, 10], 64, "sgd"),
}
WORKLOADS = [*NETWORKS, "gemm"]
BATCHES = 8  # different training batches, used in turn
GEMM = 512


# -------------------------------------------------------------------- timing


def median_seconds(call, read, seconds):
    """Median time of call(), whose last result in each sample read() takes."""
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


def weights(sizes, rng):
    """PyTorch's own initial distribution, weights as [in, out]."""
    parameters = []
    for n_in, n_out in zip(sizes, sizes[1:]):
        bound = n_in**-0.5
        parameters.append(
            (
                rng.uniform(-bound, bound, (n_in, n_out)).astype("float32"),
                rng.uniform(-bound, bound, n_out).astype("float32"),
            )
        )
    return parameters


def batches(sizes, batch, rng):
    return [
        (
            rng.standard_normal((batch, sizes[0])).astype("float32"),
            rng.integers(0, sizes[-1], batch),
        )
        for _ in range(BATCHES)
    ]


# --------------------------------------------------------------------- torch


class Torch:
    def __init__(self, threads):
        import torch

        self.torch = torch
        self.version = torch.__version__
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)

    def network(self, sizes, rng):
        torch = self.torch
        modules = []
        for w, b in weights(sizes, rng):
            linear = torch.nn.Linear(*w.shape)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(w.T.copy()))
                linear.bias.copy_(torch.from_numpy(b))
            modules += [linear, torch.nn.ReLU()]
        return torch.nn.Sequential(*modules[:-1])

    def train(self, sizes, batch, optimizer, rng):
        torch = self.torch
        net = self.network(sizes, rng)
        data = [(torch.from_numpy(x), torch.from_numpy(t)) for x, t in batches(sizes, batch, rng)]
        # fused: one kernel for all parameters, quicker here than the default.
        if optimizer == "adam":
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

    def infer(self, sizes, batch, rng):
        net = self.network(sizes, rng).eval()
        x = self.torch.from_numpy(batches(sizes, batch, rng)[0][0])
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

    def forward(self, params, x):
        *hidden, last = params
        for w, b in hidden:
            x = self.jax.nn.relu(x @ w + b)
        return x @ last[0] + last[1]

    def network(self, sizes, rng):
        jnp = self.jax.numpy
        return [(jnp.asarray(w), jnp.asarray(b)) for w, b in weights(sizes, rng)]

    def train(self, sizes, batch, optimizer, rng):
        jax, jnp = self.jax, self.jax.numpy
        tree_map = jax.tree_util.tree_map
        params = self.network(sizes, rng)
        zeros = lambda: tree_map(jnp.zeros_like, params)

        def loss(params, x, target):
            logp = jax.nn.log_softmax(self.forward(params, x))
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

        if optimizer == "adam":
            update, state = adam, (zeros(), zeros(), jnp.float32(0))
        else:
            update, state = sgd, zeros()

        def step(params, state, x, target):
            value, grads = jax.value_and_grad(loss)(params, x, target)
            params, state = update(params, state, grads)
            return params, state, value

        step = jax.jit(step, donate_argnums=(0, 1))
        data = [(jnp.asarray(x), jnp.asarray(t)) for x, t in batches(sizes, batch, rng)]
        turn = itertools.cycle(data)
        block = jax.block_until_ready
        held = [params, state]

        def run():
            x, target = next(turn)
            held[0], held[1], value = step(held[0], held[1], x, target)
            # All outputs of one compiled program become ready together.
            return block(value)

        return run, read_numpy

    def infer(self, sizes, batch, rng):
        params = self.network(sizes, rng)
        x = self.jax.numpy.asarray(batches(sizes, batch, rng)[0][0])
        forward, block = self.jax.jit(self.forward), self.jax.block_until_ready
        return lambda: block(forward(params, x)), read_numpy

    def gemm(self, n, rng):
        jnp = self.jax.numpy
        a, b = (jnp.asarray(rng.standard_normal((n, n)).astype("float32")) for _ in range(2))
        product, block = self.jax.jit(jnp.matmul), self.jax.block_until_ready
        return lambda: block(product(a, b)), read_numpy


# --------------------------------------------------------------- onnxruntime


class OnnxRuntime:
    """Inference only."""

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
            [helper.make_node(op, sources, [out]) for op, sources, out in nodes],
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
        """A call of the session with its input and output bound beforehand."""
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

    def infer(self, sizes, batch, rng):
        parameters = weights(sizes, rng)
        nodes, constants, value = [], [], "x"
        for i, (w, b) in enumerate(parameters):
            constants += [(f"w{i}", w), (f"b{i}", b)]
            last = i + 1 == len(parameters)
            nodes.append(("Gemm", [value, f"w{i}", f"b{i}"], "y" if last else f"h{i}"))
            value = f"h{i}"
            if not last:
                nodes.append(("Relu", [value], f"r{i}"))
                value = f"r{i}"
        output = ("y", [batch, sizes[-1]])
        session = self.session(nodes, [("x", [batch, sizes[0]])], output, constants)
        x = batches(sizes, batch, rng)[0][0]
        return self.bound(session, {"x": x}, *output)

    def gemm(self, n, rng):
        shape = [n, n]
        product = [("MatMul", ["a", "b"], "c")]
        session = self.session(product, [("a", shape), ("b", shape)], ("c", shape))
        feed = {k: rng.standard_normal((n, n)).astype("float32") for k in "ab"}
        return self.bound(session, feed, "c", shape)


# ----------------------------------------------------------------------- run


def run(peer, workloads, threads, seconds, jax_async):
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < threads:
        raise SystemExit(f"{threads} threads asked for, {len(cpus)} CPUs available")
    os.sched_setaffinity(0, cpus[:threads])
    for name in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
        os.environ[name] = str(threads)

    import numpy as np

    if peer == "jax":
        bench = Jax(threads, jax_async)
    else:
        bench = {"torch": Torch, "onnxruntime": OnnxRuntime}[peer](threads)

    def report(workload, figure, value):
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

    for workload in workloads:
        rng = np.random.default_rng(1)
        if workload == "gemm":
            time_taken = median_seconds(*bench.gemm(GEMM, rng), seconds)
            report(workload, "gemm512_gflops", 2 * GEMM**3 / time_taken / 1e9)
            continue
        sizes, batch, optimizer = NETWORKS[workload]
        if bench.train:
            time_taken = median_seconds(*bench.train(sizes, batch, optimizer, rng), seconds)
            report(workload, "train_us_per_step", time_taken * 1e6)
        for batch in [1, 64]:
            with bench.inference():
                time_taken = median_seconds(*bench.infer(sizes, batch, rng), seconds)
            report(workload, f"infer_b{batch}_us", time_taken * 1e6)


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
    parser.add_argument("--jax-async", action="store_true", help="leave JAX's dispatch asynchronous")
    args = parser.parse_args()

    jobs = list(itertools.product(args.threads, args.peer))
    if len(jobs) == 1:
        run(args.peer[0], args.workload, args.threads[0], args.seconds, args.jax_async)
        return
    failed = False
    for threads, peer in jobs:
        command = [sys.executable, __file__, "--peer", peer, "--workload", ",".join(args.workload)]
        command += ["--threads", str(threads), "--seconds", str(args.seconds)]
        command += ["--jax-async"] * args.jax_async
        failed |= subprocess.run(command).returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
