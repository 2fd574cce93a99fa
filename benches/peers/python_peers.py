#!/usr/bin/env python3
"""Times PyTorch, JAX, TensorFlow and ONNX Runtime on the workloads of our own bench.

    python3 benches/peers/python_peers.py --peer jax --workload iris,mlp,gemm --threads 1

prints one JSON line per figure. --peer, --workload and --threads take one name
or several with commas; each peer runs in a process of its own for each number
of threads. Without arguments everything runs; a peer that is not installed is
skipped, with a line that says so. --check times nothing: it trains 64 steps
and fails where the peers' losses and outputs differ, a loss does not fall, or
generation with a cache gives other characters than whole forward passes.

Workloads (all f32, random data of a fixed seed, already in memory):

    iris  4 - 10 ReLU - 3, cross-entropy, Adam 1e-3, batches of 32
    mlp   784 - 128 ReLU - 64 ReLU - 10, cross-entropy, SGD 0.01 with
          momentum 0.9, batches of 64
    cnn   images of 28 x 28 x 1, Conv 32 3x3 - ReLU - MaxPool 2 - Conv 64 3x3 -
          ReLU - 128 ReLU - 10, cross-entropy, Adam 1e-3, batches of 64
    lenet images of 28 x 28 x 1, Conv 6 5x5 - ReLU - MaxPool 2 - Conv 16 5x5 -
          ReLU - MaxPool 2 - 120 ReLU - 84 ReLU - 10, cross-entropy, Adam 1e-3,
          batches of 128
    lstm  28 steps of 28 numbers, LSTM 64, its last step - 10, cross-entropy,
          Adam 1e-3, batches of 64
    vae   784 - 400 ReLU - mean 20 and logarithm of the variance 20, a sample of
          them - 400 ReLU - 784 sigmoid, the sums of the binary cross-entropy
          and of the KL divergence, Adam 1e-3, batches of 128
    gpt   64 characters of 65, embedding 128 with learned positions, 4 blocks
          (LayerNorm - causal attention of 4 heads - LayerNorm - 512 GELU - 128,
          both halves residual), LayerNorm - 65, cross-entropy of each
          character, AdamW 1e-3, batches of 12
    gemm  a product of two 512 x 512 matrices
    widths
          N - N ReLU - N ReLU - 10 for N = 4, 8, 16 .. 2048, named width_4 ..,
          cross-entropy, Adam 1e-3, batches of 32; only if asked for

Convolutions have stride 1 and no padding. Images lie in memory as the peer
prefers them. The noise of the VAE's samples is data, too; its inference takes
the mean instead, and returns the image, the mean and the logarithm of the
variance.

Figures:

    train_us_per_step          forward, loss, backward and update, microseconds
    infer_b1_us, infer_b64_us  forward of 1 and of 64 samples (gpt: of 12),
                               microseconds
    gen_us_per_token           gpt: the most probable continuation of one
                               character by 63, with a cache of keys and values,
                               microseconds per character
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
    many: int = 64  # samples of infer_b64_us


class Layer(NamedTuple):
    kind: str
    shape: tuple  # of one input
    arrays: list  # weights as [in, out] and [height, width, in, out], biases


FLATTEN, RELU, POOL = ("flatten",), ("relu",), ("pool",)  # maxima of 2 x 2
BLOCK, NORM = ("block",), ("norm",)  # of a transformer; of the last axis
linear = lambda features: ("linear", features)
lstm = lambda features: ("lstm", features)  # the last step alone
latent = lambda features: ("latent", features)  # a sample from a mean and a variance
embedding = lambda vocabulary, width: ("embedding", vocabulary, width)  # plus that of the positions
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
    "lstm": Network((28, 28), [lstm(64), linear(10)], 64, "adam"),
    "vae": Network(
        (784,),
        [linear(400), RELU, latent(20), linear(400), RELU, linear(784)],
        128,
        "adam",
    ),
    "gpt": Network((64,), [embedding(65, 128), *4 * [BLOCK], NORM, linear(65)], 12, "adamw", many=12),
}
HEADS = 4
WORKLOADS = [*NETWORKS, "gemm"]
WIDTHS = {
    f"width_{n}": Network((n,), [linear(n), RELU, linear(n), RELU, linear(10)], 32, "adam")
    for n in (2**power for power in range(2, 12))
}
NETWORKS |= WIDTHS
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


def arrays(out):
    """Returns a result, or a tuple of several, as a list of NumPy's arrays."""
    import numpy as np

    return [np.asarray(part) for part in (out if isinstance(out, tuple) else (out,))]


def read_numpy(out):
    import numpy as np

    if not all(np.isfinite(part).all() for part in arrays(out)):
        raise SystemExit("a result is not finite")


def euclidean_norm(out):
    import numpy as np

    return float(np.linalg.norm(np.concatenate([part.ravel() for part in arrays(out)])))


def weights(network, rng):
    """Returns the layers with PyTorch's initial distribution."""
    import numpy as np

    def uniform(bound, *shapes):
        return [rng.uniform(-bound, bound, shape).astype("float32") for shape in shapes]

    def affine(*sizes):
        return uniform(math.prod(sizes[:-1]) ** -0.5, sizes, sizes[-1:])

    def norm(width):
        return [np.ones(width, "float32"), np.zeros(width, "float32")]

    shape, layers = network.shape, []
    for kind, *sizes in network.layers:
        inside, n_in, own = shape, shape[-1], []
        if kind == "linear":
            own, shape = affine(n_in, *sizes), (*shape[:-1], *sizes)
        elif kind == "conv":
            n_out, kernel = sizes[0], sizes[1:] * 2
            own = affine(*kernel, n_in, n_out)
            shape = (*(n - k + 1 for n, k in zip(shape, kernel)), n_out)
        elif kind == "pool":
            shape = (shape[0] // 2, shape[1] // 2, n_in)
        elif kind == "flatten":
            shape = (math.prod(shape),)
        elif kind == "lstm":  # gates in the order input, forget, cell, output
            (n,) = shape = tuple(sizes)
            own = uniform(n**-0.5, (n_in, 4 * n), (n, 4 * n), (4 * n,), (4 * n,))
        elif kind == "latent":
            own, shape = affine(n_in, *sizes) + affine(n_in, *sizes), tuple(sizes)
        elif kind == "embedding":
            vocabulary, n = sizes
            own = [rng.standard_normal((rows, n)).astype("float32") for rows in (vocabulary, n_in)]
            shape = (*shape, n)
        elif kind == "block":
            own = norm(n_in) + affine(n_in, 3 * n_in) + affine(n_in, n_in)
            own += norm(n_in) + affine(n_in, 4 * n_in) + affine(4 * n_in, n_in)
        elif kind == "norm":
            own = norm(n_in)
        layers.append(Layer(kind, inside, own))
    return layers


def channels_first(layers):
    """Converts layers to images as channels, height, width: weights of
    convolutions become [out, in, height, width], those of linear layers stay
    [in, out]."""
    image = None
    for layer in layers:
        kind, shape, own = layer
        if kind == "flatten":
            image = shape
        elif kind == "conv":
            own = [own[0].transpose(3, 2, 0, 1).copy(), own[1]]
        elif kind == "linear" and image:
            turned = own[0].reshape(*image, -1).transpose(2, 0, 1, 3)
            own = [turned.reshape(own[0].shape), own[1]]
            image = None
        yield layer._replace(arrays=own)


def batches(network, batch, rng):
    """Returns batches of inputs (what the network takes in training) and targets."""
    kinds = {kind: sizes for kind, *sizes in network.layers}
    shape, classes = (batch, *network.shape), network.layers[-1][1]
    for _ in range(BATCHES):
        if "latent" in kinds:
            image = rng.random(shape, "float32")
            yield (image, rng.standard_normal((batch, *kinds["latent"]), "float32")), image
        elif "embedding" in kinds:
            yield (rng.integers(0, classes, shape),), rng.integers(0, classes, shape)
        else:
            x = rng.standard_normal(shape).astype("float32")
            yield (x,), rng.integers(0, classes, batch)


# --------------------------------------------------------------------- torch


def torch_modules(torch):
    """Returns PyTorch's modules for the kinds of layers, and the VAE's."""
    nn, functional = torch.nn, torch.nn.functional

    class Lstm(nn.LSTM):
        def forward(self, x):
            return super().forward(x)[0][:, -1]

    class Latent(nn.Module):
        def __init__(self, n_in, n_out):
            super().__init__()
            self.mean, self.log_variance = nn.Linear(n_in, n_out), nn.Linear(n_in, n_out)

        def forward(self, x):
            return self.mean(x), self.log_variance(x)

    class Vae(nn.Module):
        def __init__(self, encoder, latent, decoder):
            super().__init__()
            self.encoder, self.latent, self.decoder = encoder, latent, decoder

        def forward(self, x, noise=None):
            mean, log_variance = self.latent(self.encoder(x))
            if noise is None:
                return self.decoder(mean).sigmoid(), mean, log_variance
            return self.decoder(mean + (0.5 * log_variance).exp() * noise), mean, log_variance

    class Embedding(nn.Module):
        def __init__(self, context, vocabulary, width):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(context, width)

        def forward(self, x, start=0):
            return self.tokens(x) + self.positions.weight[start : start + x.shape[1]]

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm1 = nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width)
            self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x, cache=None, start=0):
            """With a cache of keys and values, takes the one character at start."""
            batch, steps, _ = x.shape
            qkv = self.qkv(self.norm1(x)).view(batch, steps, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
            q, k, v = qkv
            if cache is not None:
                cache[:, :, :, start : start + 1] = qkv[1:]
                k, v = cache[:, :, :, : start + 1]
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
            x = x + self.out(y.transpose(1, 2).flatten(2))
            return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))

    modules = {
        "linear": lambda shape, n: nn.Linear(shape[-1], n),
        "conv": lambda shape, n, kernel: nn.Conv2d(shape[-1], n, kernel),
        "relu": lambda shape: nn.ReLU(),
        "pool": lambda shape: nn.MaxPool2d(2),
        "flatten": lambda shape: nn.Flatten(),
        "lstm": lambda shape, n: Lstm(shape[-1], n, batch_first=True),
        "latent": lambda shape, n: Latent(shape[-1], n),
        "embedding": lambda shape, vocabulary, n: Embedding(shape[-1], vocabulary, n),
        "block": lambda shape: Block(shape[-1]),
        "norm": lambda shape: nn.LayerNorm(shape[-1]),
    }
    return modules, Vae


class Torch:
    left_out = []

    def __init__(self, threads, channels_first=False):
        import torch

        self.torch = torch
        self.version = torch.__version__
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.format = torch.contiguous_format if channels_first else torch.channels_last

    def network(self, network, rng):
        torch, nn = self.torch, self.torch.nn
        kinds, Vae = torch_modules(torch)
        modules = []
        for (kind, *sizes), layer in zip(network.layers, channels_first(weights(network, rng))):
            module = kinds[kind](layer.shape, *sizes)
            turned = kind not in ("conv", "embedding")  # PyTorch's linear weights are [out, in]
            with torch.no_grad():
                for parameter, array in zip(module.parameters(), layer.arrays, strict=True):
                    parameter.copy_(torch.from_numpy(array.T if turned else array))
            modules.append(module)
        for i, (kind, *_) in enumerate(network.layers):
            if kind == "latent":
                return Vae(nn.Sequential(*modules[:i]), modules[i], nn.Sequential(*modules[i + 1 :]))
        return nn.Sequential(*modules).to(memory_format=self.format)

    def tensor(self, x):
        if x.ndim == 4:
            x = x.transpose(0, 3, 1, 2).copy()
        x = self.torch.from_numpy(x)
        return x.to(memory_format=self.format) if x.ndim == 4 else x

    def train(self, network, rng):
        torch, functional = self.torch, self.torch.nn.functional
        net = self.network(network, rng)
        data = [
            (tuple(map(self.tensor, inputs)), self.tensor(target))
            for inputs, target in batches(network, network.batch, rng)
        ]
        # fused: one kernel for all parameters, quicker here than the default.
        optimizer = {
            "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, fused=True),
            "adam": lambda p: torch.optim.Adam(p, lr=1e-3, fused=True),
            "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3, fused=True),
        }[network.optimizer](net.parameters())
        turn = itertools.cycle(data)

        def loss(out, target):
            if isinstance(out, tuple):
                image, mean, log_variance = out
                entropy = functional.binary_cross_entropy_with_logits(image, target, reduction="sum")
                return entropy - 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum()
            return functional.cross_entropy(out.flatten(0, -2), target.flatten())

        def step():
            inputs, target = next(turn)
            optimizer.zero_grad()
            value = loss(net(*inputs), target)
            value.backward()
            optimizer.step()
            return value.detach()

        return step, read_numpy

    def infer(self, network, x, rng):
        net, x = self.network(network, rng).eval(), self.tensor(x)
        return lambda: net(x), read_numpy

    def generate(self, network, rng):
        torch = self.torch
        embedding, *blocks, norm, head = self.network(network, rng).eval()
        (context,) = network.shape
        width = head.in_features
        cache = torch.zeros(len(blocks), 2, 1, HEADS, context, width // HEADS)
        first = torch.zeros(1, 1, dtype=torch.long)

        def call():
            token, out = first, []
            for start in range(context - 1):
                x = embedding(token, start)
                for block, own in zip(blocks, cache):
                    x = block(x, own, start)
                token = head(norm(x)).argmax(-1)
                out.append(token)
            return torch.cat(out, 1)[0]

        return call, read_numpy

    def inference(self):
        return self.torch.inference_mode()

    def gemm(self, n, rng):
        torch = self.torch
        a, b = (torch.from_numpy(rng.standard_normal((n, n)).astype("float32")) for _ in range(2))
        out = torch.empty(n, n)
        return lambda: torch.mm(a, b, out=out), read_numpy


# ----------------------------------------------------------------------- jax


class Jax:
    left_out = []
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

    def network(self, network, rng, **options):
        """Returns the forward function, with options for kinds of layers, and the parameters by layer."""
        jax, jnp = self.jax, self.jax.numpy
        params = [tuple(map(jnp.asarray, layer.arrays)) for layer in weights(network, rng)]

        def forward(params, x, noise=None):
            code = ()
            for (kind, *_), own in zip(network.layers, params):
                x = getattr(self, kind)(x, *own, **options.get(kind, {}))
                if kind == "latent":
                    mean, log_variance = code = x
                    x = mean if noise is None else mean + jnp.exp(0.5 * log_variance) * noise
            if not code:
                return x
            return (jax.nn.sigmoid(x) if noise is None else x), *code

        return forward, params

    def linear(self, x, w, b):
        # With the two leading axes of a sequence, a training step of gpt took a tenth longer.
        return (x.reshape(-1, len(w)) @ w + b).reshape(*x.shape[:-1], len(b))

    def conv(self, x, w, b):
        layout = ("NHWC", "HWIO", "NHWC")
        return self.jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout) + b

    def relu(self, x):
        return self.jax.nn.relu(x)

    def pool(self, x):
        n, h, w, c = x.shape
        # The gradient of lax.reduce_window is slow on the CPU: a training step took up to twice as long.
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))

    def flatten(self, x):
        return x.reshape(len(x), -1)

    def lstm(self, x, w, recurrent, b, recurrent_b, unroll=1):
        jax, jnp = self.jax, self.jax.numpy

        def step(state, x):
            h, c = state
            i, f, g, o = jnp.split(x + h @ recurrent, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

        x = (x @ w + (b + recurrent_b)).swapaxes(0, 1)
        zeros = jnp.zeros((x.shape[1], len(recurrent)))
        return jax.lax.scan(step, (zeros, zeros), x, unroll=unroll)[0][0]

    def latent(self, x, w, b, w2, b2):
        return self.linear(x, w, b), self.linear(x, w2, b2)

    def embedding(self, x, tokens, positions):
        return tokens[x] + positions

    def norm(self, x, w, b):
        x = x - x.mean(-1, keepdims=True)
        return x * self.jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5) * w + b

    def gelu(self, x):
        # jax.nn.gelu is slower, through the complementary error function.
        return 0.5 * x * (1 + self.jax.lax.erf(x * 0.5**0.5))

    def block(self, x, *own, cache=None, start=None):
        """With a cache of keys and values, takes the one character at start, and returns the cache, too."""
        jax, jnp = self.jax, self.jax.numpy
        norm1, qkv, out, norm2, fc1, fc2 = zip(own[::2], own[1::2])
        batch, steps, width = x.shape
        qkv = self.linear(self.norm(x, *norm1), *qkv).reshape(batch, steps, 3, HEADS, width // HEADS)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)
        seen = jnp.tri(steps, dtype=bool)
        if cache is not None:
            cache = jax.lax.dynamic_update_slice(cache, jnp.stack([k, v]), (0, 0, 0, start, 0))
            k, v = cache
            seen = jnp.arange(k.shape[2]) <= start
        scores = q @ k.swapaxes(-1, -2) * (width // HEADS) ** -0.5
        y = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf)) @ v
        x = x + self.linear(y.swapaxes(1, 2).reshape(x.shape), *out)
        hidden = self.gelu(self.linear(self.norm(x, *norm2), *fc1))
        x = x + self.linear(hidden, *fc2)
        return x if cache is None else (x, cache)

    def train(self, network, rng):
        jax, jnp = self.jax, self.jax.numpy
        tree_map = jax.tree_util.tree_map
        forward, params = self.network(network, rng)
        zeros = lambda: tree_map(jnp.zeros_like, params)

        def loss(params, inputs, target):
            out = forward(params, *inputs)
            if isinstance(out, tuple):
                image, mean, log_variance = out
                entropy = jnp.sum(jax.nn.softplus(image) - image * target)
                return entropy - 0.5 * jnp.sum(1 + log_variance - mean**2 - jnp.exp(log_variance))
            logp = jax.nn.log_softmax(out)
            return -jnp.mean(jnp.take_along_axis(logp, target[..., None], axis=-1))

        def sgd(params, buffers, grads):
            buffers = tree_map(lambda b, g: 0.9 * b + g, buffers, grads)
            return tree_map(lambda p, b: p - 0.01 * b, params, buffers), buffers

        decay = 1e-2 if network.optimizer == "adamw" else 0

        def adam(params, state, grads):
            m, v, t = state
            t = t + 1
            m = tree_map(lambda m, g: 0.9 * m + 0.1 * g, m, grads)
            v = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grads)
            a, b = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
            update = lambda p, m, v: p - 1e-3 * (a * m / (jnp.sqrt(b * v) + 1e-8) + decay * p)
            return tree_map(update, params, m, v), (m, v, t)

        if network.optimizer == "sgd":
            update, state = sgd, zeros()
        else:
            update, state = adam, (zeros(), zeros(), jnp.float32(0))

        def step(params, state, inputs, target):
            value, grads = jax.value_and_grad(loss)(params, inputs, target)
            params, state = update(params, state, grads)
            return params, state, value

        step = jax.jit(step, donate_argnums=(0, 1))
        data = [tree_map(jnp.asarray, pair) for pair in batches(network, network.batch, rng)]
        turn = itertools.cycle(data)
        block = jax.block_until_ready
        held = [params, state]

        def run():
            held[0], held[1], value = step(*held, *next(turn))
            # All outputs of one compiled program become ready together.
            return block(value)

        return run, read_numpy

    def infer(self, network, x, rng):
        # Unrolled, inference of an LSTM takes half as long, but a training step twice as long.
        forward, params = self.network(network, rng, lstm={"unroll": True})
        x = self.jax.numpy.asarray(x)
        forward, block = self.jax.jit(forward), self.jax.block_until_ready
        return lambda: block(forward(params, x)), read_numpy

    def generate(self, network, rng):
        """Returns a call of one compiled program, which loops over the characters."""
        jax, jnp = self.jax, self.jax.numpy
        _, params = self.network(network, rng)
        (context,) = network.shape

        def generate(params):
            (tokens, positions), *blocks, norm, head = params
            cache = jnp.zeros((2, 1, HEADS, context, tokens.shape[1] // HEADS))

            def step(state, start):
                token, caches = state
                x = self.embedding(token, tokens, positions[start])
                new = []
                for own, cache in zip(blocks, caches):
                    x, cache = self.block(x, *own, cache=cache, start=start)
                    new.append(cache)
                token = self.linear(self.norm(x, *norm), *head).argmax(-1)
                return (token, new), token[0, 0]

            first = jnp.zeros((1, 1), int), len(blocks) * [cache]
            return jax.lax.scan(step, first, jnp.arange(context - 1))[1]

        generate, block = jax.jit(generate), jax.block_until_ready
        return lambda: block(generate(params)), read_numpy

    def gemm(self, n, rng):
        jnp = self.jax.numpy
        a, b = (jnp.asarray(rng.standard_normal((n, n)).astype("float32")) for _ in range(2))
        product, block = self.jax.jit(jnp.matmul), self.jax.block_until_ready
        return lambda: block(product(a, b)), read_numpy


# ---------------------------------------------------------------- tensorflow


class TensorFlow:
    left_out = ["lstm", "vae", "gpt"]
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
        net.set_weights([array for layer in weights(network, rng) for array in layer.arrays])
        return net

    def train(self, network, rng):
        tf = self.tf
        net = self.network(network, rng)
        data = [(tf.constant(x), tf.constant(t)) for (x,), t in batches(network, network.batch, rng)]
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

    def infer(self, network, x, rng):
        net, x = self.network(network, rng), self.tf.constant(x)
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
    left_out = []
    inference = contextlib.nullcontext

    def __init__(self, threads):
        import onnxruntime

        self.ort = onnxruntime
        self.version = onnxruntime.__version__
        self.threads = threads

    def bound(self, graph, feed, outputs):
        """Returns a call of the graph with its inputs and outputs, arrays by name, bound beforehand."""
        from onnx import checker, helper, numpy_helper

        def info(name, array):
            return helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )

        graph = helper.make_graph(
            graph.nodes,
            "workload",
            [info(*i) for i in feed.items()],
            [info(*o) for o in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        checker.check_model(model)
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = self.ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        session = self.ort.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        value = self.ort.OrtValue.ortvalue_from_numpy
        binding = session.io_binding()
        for name, array in feed.items():
            binding.bind_ortvalue_input(name, value(array))
        for name, array in outputs.items():
            binding.bind_ortvalue_output(name, value(array))
        out = tuple(outputs.values())

        def call(_held=(feed, out)):  # the binding only borrows these arrays
            session.run_with_iobinding(binding)
            return out

        return call, read_numpy

    def infer(self, network, x, rng):
        import numpy as np

        if x.ndim == 4:
            x = x.transpose(0, 3, 1, 2).copy()
        graph, value, outputs = OnnxGraph(len(x)), "x", {}
        for layer in channels_first(weights(network, rng)):
            value = getattr(graph, layer.kind)(value, layer)
            if layer.kind == "latent":
                shape = len(x), layer.arrays[0].shape[1]
                outputs = {name: np.zeros(shape, "float32") for name in value}
                value = value[0]
        if outputs:
            value = graph.add("Sigmoid", value)
        shape = (*(x.shape if x.dtype == int else x.shape[:1]), network.layers[-1][1])
        if len(shape) > 2:
            value = graph.reshape(value, *shape)
        return self.bound(graph, {"x": x}, {value: np.zeros(shape, "float32"), **outputs})

    def generate(self, network, rng):
        """Returns a loop over the characters with a graph for one, whose outputs are its next inputs."""
        import numpy as np

        (context,) = network.shape
        graph, value = OnnxStep(1), "x"
        for layer in weights(network, rng):
            value = getattr(graph, layer.kind)(value, layer)
            if layer.kind == "embedding":
                shape = 1, HEADS, context, layer.arrays[0].shape[1] // HEADS
        token, start = np.zeros(1, int), np.zeros(1, "int32")
        caches = [np.zeros(shape, "float32") for _ in graph.caches]
        next_token = graph.add("ArgMax", value, axis=-1, keepdims=0)
        feed = {"x": token, "start": start} | dict(zip(graph.caches, caches))
        outputs = {next_token: token} | dict(zip(graph.caches.values(), caches))
        step, read = self.bound(graph, feed, outputs)
        out = np.zeros(context - 1, int)

        def call():
            token[0] = 0
            for i in range(context - 1):
                start[0] = i
                step()
                out[i] = token[0]
            return out

        return call, read

    def gemm(self, n, rng):
        import numpy as np

        graph = OnnxGraph(n)
        product = graph.add("MatMul", "a", "b")
        feed = {k: rng.standard_normal((n, n)).astype("float32") for k in "ab"}
        return self.bound(graph, feed, {product: np.zeros((n, n), "float32")})


class OnnxGraph:
    """The nodes of a graph, layer by layer. Between layers, a sequence is its batch's steps, one after
    another, as rows of one matrix."""

    def __init__(self, batch):
        self.nodes, self.constants = [], {}
        self.batch = batch

    def add(self, operator, *sources, out=0, **more):
        """Adds a node, with arrays among its sources as constants, and returns the name of its output."""
        from onnx import helper

        names = []
        for source in sources:
            if not isinstance(source, str):
                self.constants[f"c{len(self.constants)}"] = source
                source = list(self.constants)[-1]
            names.append(source)
        value = f"h{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [*out * [""], value], **more))
        return value

    def reshape(self, x, *shape):
        import numpy as np

        return self.add("Reshape", x, np.array(shape))

    def linear(self, x, layer):
        return self.add("Gemm", x, *layer.arrays)

    def conv(self, x, layer):
        return self.add("Conv", x, *layer.arrays)

    def relu(self, x, layer):
        return self.add("Relu", x)

    def pool(self, x, layer):
        return self.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])

    def flatten(self, x, layer):
        return self.add("Flatten", x)

    def lstm(self, x, layer):
        import numpy as np

        def gates(array):  # ONNX's order: input, output, forget, cell
            i, f, g, o = np.split(array, 4, axis=-1)
            return np.concatenate([i, o, f, g], axis=-1).T[None].copy()

        w, recurrent, *biases = map(gates, layer.arrays)
        steps = self.add("Transpose", x, perm=[1, 0, 2])
        n = recurrent.shape[-1]
        last = self.add("LSTM", steps, w, recurrent, np.concatenate(biases, axis=1), out=1, hidden_size=n)
        return self.reshape(last, -1, n)

    def latent(self, x, layer):
        return self.add("Gemm", x, *layer.arrays[:2]), self.add("Gemm", x, *layer.arrays[2:])

    def embedding(self, x, layer):
        tokens, positions = layer.arrays
        return self.reshape(self.add("Add", self.add("Gather", tokens, x), positions), -1, tokens.shape[1])

    def norm(self, x, layer):
        return self.add("LayerNormalization", x, *layer.arrays, axis=-1, epsilon=1e-5)

    def block(self, x, layer):
        part = lambda i: layer._replace(arrays=layer.arrays[2 * i : 2 * i + 2])
        y = self.reshape(self.attention(self.norm(x, part(0)), part(1)), -1, layer.shape[1])
        x = self.add("Add", x, self.linear(y, part(2)))
        y = self.linear(self.norm(x, part(3)), part(4))
        return self.add("Add", x, self.linear(self.add("Gelu", y, domain="com.microsoft"), part(5)))

    def attention(self, x, layer):
        x = self.reshape(x, self.batch, *layer.shape)
        more = {"num_heads": HEADS, "unidirectional": 1, "domain": "com.microsoft"}
        return self.add("Attention", x, *layer.arrays, **more)


class OnnxStep(OnnxGraph):
    """The nodes for one character, the one at start, with caches of keys and values."""

    def __init__(self, batch):
        super().__init__(batch)
        self.caches = {}  # inputs, and the outputs that share their memory

    def embedding(self, x, layer):
        tokens, positions = layer.arrays
        return self.add("Add", self.add("Gather", tokens, x), self.add("Gather", positions, "start"))

    def attention(self, x, layer):
        import numpy as np

        qkv = self.reshape(self.linear(x, layer), self.batch, 1, -1)
        length = self.add("Add", "start", np.ones(1, "int32"))
        past = [f"past{len(self.caches) + i}" for i in range(2)]
        more = {"num_heads": HEADS, "kv_num_heads": HEADS, "domain": "com.microsoft"}
        y = self.add("GroupQueryAttention", qkv, "", "", *past, "start", length, **more)
        present = [f"{y}_keys", f"{y}_values"]
        self.nodes[-1].output.extend(present)
        self.caches |= zip(past, present)
        return y


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
                report(workload, "check_norm", euclidean_norm(call()), 5)
                continue
            time_taken = median_seconds(call, read, args.seconds)
            report(workload, "gemm512_gflops", 2 * GEMM**3 / time_taken / 1e9)
            continue
        if workload in bench.left_out:
            print(f"{peer}: {workload} is left out", file=sys.stderr)
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
        for name, batch in [("b1", 1), ("b64", network.many)]:
            (x, *_), _ = next(batches(network, batch, rng()))
            with bench.inference():
                call, read = bench.infer(network, x, rng())
                if args.check:
                    report(workload, f"check_{name}_norm", euclidean_norm(call()), 5)
                else:
                    time_taken = median_seconds(call, read, args.seconds)
                    report(workload, f"infer_{name}_us", time_taken * 1e6)
        if network.layers[0][0] != "embedding":
            continue
        with bench.inference():
            call, read = bench.generate(network, rng())
            if args.check:
                (tokens,) = arrays(call())
                whole, _ = bench.infer(network, np.array([[0, *tokens]]), rng())
                (scores,) = arrays(whole())
                report(workload, "check_generated", np.mean(scores[0, :-1].argmax(-1) == tokens), 5)
            else:
                time_taken = median_seconds(call, read, args.seconds) / (network.shape[0] - 1)
                report(workload, "gen_us_per_token", time_taken * 1e6)


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
        elif figure == "check_generated":
            if min(values.values()) < 1:
                yield f"{workload}: generation differs from the forward pass: {values}"
        elif max(values.values()) - min(values.values()) > 3e-4 * max(values.values()):
            yield f"{workload}: {figure} differs: {values}"


def main():
    several = lambda kind, allowed: lambda text: [
        value if value in allowed else parser.error(f"unknown: {value}")
        for value in map(kind, text.split(","))
    ]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", type=several(str, PEERS), default=PEERS)
    parser.add_argument("--workload", type=several(str, [*WORKLOADS, *WIDTHS, "widths"]), default=WORKLOADS)
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
    if "widths" in args.workload:
        args.workload = [name for name in args.workload if name != "widths"] + [*WIDTHS]

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
