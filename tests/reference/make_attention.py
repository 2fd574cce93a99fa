#!/usr/bin/env python3
"""Reference values from PyTorch for attention and transformer layers.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_attention.py

It writes attention.json next to itself. The file in the repository was made
with torch 2.5.1 on CPU, one thread.

A case has the inputs "x" of all samples: the sources of a sample follow each
other, and a key padding mask is 1 where a key is real. "params" are the
parameters by their names in PyTorch, with their shapes under "shapes";
"g" is the gradient of the loss with respect to the output. Results are those
of f64: "y_f64", "grad_x_f64" (0 for a mask) and "grads_f64" of the parameters.

Options that nn.MultiheadAttention lacks are computed by
scaled_dot_product_attention, with the rotations written out below: in halves
as in Hugging Face's Llama, and in pairs as complex numbers as in Meta's.
"""

import torch
from torch import nn
from torch.nn import functional as F

from make_reference import generator, grid, inputs, results, write


def randomize(gen, module):
    with torch.no_grad():
        for name, p in module.named_parameters():
            around = 1 if "norm" in name and name.endswith("weight") else 0
            p.copy_(grid(gen, *p.shape, scale=0.4) + around)


def case(name, seed, module, shapes, call, mask=None):
    """`shapes` are those of the sources of a sample, `mask` the index of the one that is a mask."""
    gen, samples = generator(seed), 2
    randomize(gen, module)
    parts = [grid(gen, samples, *shape) for shape in shapes]
    if mask is not None:
        parts[mask] = (torch.rand(parts[mask].shape, generator=gen) > 0.4).float()
        parts[mask][:, 0] = 1.0
    shapes = {k: list(v.shape) for k, v in module.named_parameters()}
    params = {k: inputs(v.detach().clone()) for k, v in module.named_parameters()}

    module = module.double()
    leaves = [part.double().requires_grad_(True) for part in parts]
    y = call(module, *leaves)
    g = grid(gen, *y.shape)
    y.backward(g.double())
    flat = lambda parts: torch.cat([part.reshape(samples, -1) for part in parts], 1)
    grads = [leaf.grad if leaf.grad is not None else torch.zeros_like(leaf) for leaf in leaves]
    return {
        "name": name,
        "shapes": shapes,
        "params": params,
        "x": inputs(flat(parts)),
        "g": inputs(g),
        "y_f64": results(y),
        "grad_x_f64": results(flat(grads)),
        "grads_f64": {k: results(v.grad) for k, v in module.named_parameters()},
    }


class Own(nn.Module):
    """One attention under the name `a`, as PyTorch has it."""

    def __init__(self, *args, **options):
        super().__init__()
        self.a = nn.MultiheadAttention(*args, batch_first=True, **options)

    def forward(self, q, k, **options):
        return self.a(q, k, k, need_weights=False, **options)[0]


def later(n):
    return torch.triu(torch.ones(n, n, dtype=torch.bool), 1)


def rotate_halves(x, base):
    n, d = x.shape[-2:]
    inverse = base ** -(torch.arange(0, d, 2).double() / d)
    angles = torch.arange(n).double()[:, None] * inverse
    angles = torch.cat([angles, angles], -1)
    low, high = x[..., : d // 2], x[..., d // 2 :]
    return x * angles.cos() + torch.cat([-high, low], -1) * angles.sin()


def rotate_pairs(x, base):
    n, d = x.shape[-2:]
    inverse = base ** -(torch.arange(0, d, 2).double() / d)
    angles = torch.arange(n).double()[:, None] * inverse
    turned = torch.view_as_complex(x.reshape(*x.shape[:-1], d // 2, 2).contiguous())
    turned = turned * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).reshape(x.shape)


class Grouped(nn.Module):
    """Attention with fewer heads of keys and values, and rotary positions."""

    def __init__(self, embed_dim, heads, kv_heads, head_dim, rotate, causal, bias):
        super().__init__()
        width, kv_width = heads * head_dim, kv_heads * head_dim
        self.a = nn.Module()
        self.a.q_proj_weight = nn.Parameter(torch.zeros(width, embed_dim))
        self.a.k_proj_weight = nn.Parameter(torch.zeros(kv_width, embed_dim))
        self.a.v_proj_weight = nn.Parameter(torch.zeros(kv_width, embed_dim))
        if bias:
            self.a.in_proj_bias = nn.Parameter(torch.zeros(width + 2 * kv_width))
        self.a.out_proj = nn.Linear(width, embed_dim, bias=bias)
        self.sizes = heads, kv_heads, head_dim
        self.rotate, self.causal, self.bias = rotate, causal, bias

    def forward(self, x):
        heads, kv_heads, head_dim = self.sizes
        widths = [heads * head_dim, kv_heads * head_dim, kv_heads * head_dim]
        biases = self.a.in_proj_bias.split(widths) if self.bias else [None] * 3
        weights = [self.a.q_proj_weight, self.a.k_proj_weight, self.a.v_proj_weight]
        q, k, v = (
            F.linear(x, w, b).unflatten(-1, (-1, head_dim)).transpose(1, 2)
            for w, b in zip(weights, biases)
        )
        k, v = (t.repeat_interleave(heads // kv_heads, 1) for t in (k, v))
        y = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=self.causal)
        return self.a.out_proj(y.transpose(1, 2).flatten(2))


def attention():
    yield case("self", 1, Own(12, 3), [(7, 12)], lambda m, x: m(x, x))
    yield case("no bias", 2, Own(8, 2, bias=False), [(5, 8)], lambda m, x: m(x, x))
    yield case(
        "causal", 3, Own(16, 4), [(35, 16)], lambda m, x: m(x, x, attn_mask=later(35))
    )
    yield case(
        "key padding", 4, Own(8, 2), [(9, 8), (9,)],
        lambda m, x, mask: m(x, x, key_padding_mask=mask == 0), mask=1,
    )
    yield case("cross", 5, Own(8, 2), [(4, 8), (9, 8)], lambda m, q, k: m(q, k))
    yield case(
        "cross of another width", 6, Own(8, 4, kdim=6, vdim=6), [(4, 8), (9, 6), (9,)],
        lambda m, q, k, mask: m(q, k, key_padding_mask=mask == 0), mask=2,
    )

    # PyTorch takes one bias for all samples, or one for each sample and head.
    def biased(m, x, bias):
        return m(x, x, attn_mask=bias.repeat_interleave(2, 0))

    yield case("bias", 7, Own(8, 2), [(6, 8), (6, 6)], biased)
    yield case(
        "bias of each head, causal", 8, Own(8, 2, bias=False), [(6, 8), (2, 6, 6)],
        lambda m, x, bias: m(x, x, attn_mask=bias.flatten(0, 1).masked_fill(later(6), -torch.inf)),
    )
    halves = lambda x: rotate_halves(x, 10000.0)
    pairs = lambda x: rotate_pairs(x, 500.0)
    plain = lambda x: x
    yield case("grouped", 9, Grouped(12, 4, 2, 3, plain, False, True), [(6, 12)], Grouped.__call__)
    yield case("rotary", 10, Grouped(12, 4, 1, 6, halves, True, False), [(9, 12)], Grouped.__call__)
    yield case("pairs", 11, Grouped(16, 4, 2, 4, pairs, True, True), [(9, 16)], Grouped.__call__)


def layers():
    options = {"batch_first": True, "dropout": 0.0}
    encoder = lambda **more: nn.TransformerEncoderLayer(8, 2, 20, **options, **more)
    decoder = lambda **more: nn.TransformerDecoderLayer(8, 2, 20, **options, **more)
    # `train` keeps PyTorch from its fast path, which has no gradient.
    yield case("encoder, post-norm", 21, encoder().train(), [(6, 8)], lambda m, x: m(x))
    yield case(
        "encoder, pre-norm", 22, encoder(norm_first=True, activation="gelu").train(), [(6, 8), (6,)],
        lambda m, x, mask: m(x, src_key_padding_mask=mask == 0), mask=1,
    )
    decode = lambda m, x, memory: m(x, memory, tgt_mask=later(5))
    yield case("decoder, post-norm", 23, decoder().train(), [(5, 8), (7, 8)], decode)
    yield case(
        "decoder, pre-norm", 24, decoder(norm_first=True, activation="gelu").train(),
        [(5, 8), (7, 8)], decode,
    )


def feed_forward():
    class Gated(nn.Module):
        """Llama's feed-forward block, or the same with GELU."""

        def __init__(self, activation):
            super().__init__()
            self.w1 = nn.Linear(6, 10, bias=False)
            self.w2 = nn.Linear(10, 6, bias=False)
            self.w3 = nn.Linear(6, 10, bias=False)
            self.activation = activation

        def forward(self, x):
            return self.w2(self.activation(self.w1(x)) * self.w3(x))

    yield case("swiglu", 31, Gated(F.silu), [(4, 6)], Gated.__call__)
    yield case("geglu", 32, Gated(F.gelu), [(4, 6)], Gated.__call__)


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("attention.json", [*attention(), *layers(), *feed_forward()])
