#!/usr/bin/env python3
"""Reference values from PyTorch for recurrent layers.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_recurrent.py

It writes recurrent.json, scan.json and recurrent.safetensors next to itself.
The files in the repository were made with torch 2.15.0 on CPU, one thread;
scan.json with torch 2.5.1.

scan.json has cells of one's own in a loop over the steps, as one writes them
with PyTorch.

A case of recurrent.json has the form of those in attention.json: see
make_attention.py. A mask is 1 for the steps of a sample and 0 behind them;
PyTorch packs these sequences. The outputs of a sample are those of all steps,
and then the last states, where they are asked for.

Cells that PyTorch lacks, which reset the state before its product or rectify
the candidate, are computed by the formulas below.

recurrent.safetensors has the weights of an nn.LSTM of two layers and two
directions under the name "rnn", written with the names that PyTorch gives
them: a 32-bit float at position i of all numbers is i.
"""

import json
import struct

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from make_attention import randomize
from make_reference import HERE, generator, grid, inputs, results, write


class Torch(nn.Module):
    """One of PyTorch's layers under the name `a`."""

    def __init__(self, kind, *sizes, **options):
        super().__init__()
        self.a = kind(*sizes, batch_first=True, **options)

    def forward(self, x, mask=None, h0=None, c0=None):
        length = x.shape[1]
        if mask is not None:
            lengths = mask.sum(1).long()
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        state = None
        if h0 is not None:
            # [samples, states, hidden], or [samples, hidden] of one state.
            h0, c0 = (
                None if s is None else (s if s.dim() == 3 else s[:, None]).transpose(0, 1).contiguous()
                for s in (h0, c0)
            )
            state = h0 if c0 is None else (h0, c0)
        y, last = self.a(x, state)
        if mask is not None:
            y, _ = pad_packed_sequence(y, batch_first=True, total_length=length)
        last = last if isinstance(last, tuple) else (last,)
        return y, [state.transpose(0, 1) for state in last]


class Gru(nn.Module):
    """A GRU of one layer by its formulas, with the parameters of nn.GRU."""

    def __init__(self, inputs, hidden, reset_before, activation):
        super().__init__()
        self.a = nn.GRU(inputs, hidden, batch_first=True)
        self.reset_before, self.activation = reset_before, activation

    def forward(self, x, mask=None, h0=None):
        a = self.a
        hidden = a.hidden_size
        h = torch.zeros(len(x), hidden, dtype=x.dtype) if h0 is None else h0
        w_r, w_z, w_n = a.weight_hh_l0.split(hidden)
        b_r, b_z, b_n = a.bias_hh_l0.split(hidden)
        outputs = []
        for t in range(x.shape[1]):
            r, z, n = (x[:, t] @ a.weight_ih_l0.T + a.bias_ih_l0).split(hidden, 1)
            r = torch.sigmoid(r + h @ w_r.T + b_r)
            z = torch.sigmoid(z + h @ w_z.T + b_z)
            if self.reset_before:
                n = self.activation(n + (r * h) @ w_n.T + b_n)
            else:
                n = self.activation(n + r * (h @ w_n.T + b_n))
            new = (1 - z) * n + z * h
            real = 1.0 if mask is None else mask[:, t : t + 1]
            h = real * new + (1 - real) * h
            outputs.append(real * new)
        return torch.stack(outputs, 1), [h[:, None]]


def case(name, seed, module, shapes, mask=None, last=False):
    """`shapes` are those of the sources of a sample, `mask` the index of the one that is a mask."""
    gen, samples = generator(seed), 3
    randomize(gen, module)
    parts = [grid(gen, samples, *shape) for shape in shapes]
    if mask is not None:
        steps = parts[mask].shape[1]
        for sample, length in enumerate([steps - 2, 1, steps]):
            parts[mask][sample] = (torch.arange(steps) < length).float()
    shapes = {k: list(v.shape) for k, v in module.named_parameters()}
    params = {k: inputs(v.detach().clone()) for k, v in module.named_parameters()}

    module = module.double()
    leaves = [part.double().requires_grad_(True) for part in parts]
    arguments = list(leaves)
    if mask is None:
        arguments.insert(1, None)
    y, states = module(*arguments)
    flat = lambda parts: torch.cat([part.reshape(samples, -1) for part in parts], 1)
    y = flat([y, *states]) if last else flat([y])
    g = grid(gen, *y.shape)
    y.backward(g.double())
    grads = [leaf.grad if leaf.grad is not None else torch.zeros_like(leaf) for leaf in leaves]
    if mask is not None:
        grads[mask].zero_()
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


def recurrent():
    lstm = lambda *sizes, **options: Torch(nn.LSTM, *sizes, **options)
    gru = lambda *sizes, **options: Torch(nn.GRU, *sizes, **options)
    rnn = lambda *sizes, **options: Torch(nn.RNN, *sizes, **options)

    yield case("lstm", 1, lstm(3, 5), [(6, 3)])
    yield case("lstm of 35", 2, lstm(2, 35), [(4, 2)])
    yield case("lstm, no bias", 3, lstm(4, 8, bias=False), [(5, 4)])
    yield case("lstm, stacked", 4, lstm(3, 4, num_layers=3), [(5, 3)])
    yield case("lstm, both directions", 5, lstm(3, 4, bidirectional=True), [(5, 3)])
    yield case(
        "lstm, all options", 6, lstm(3, 4, num_layers=2, bidirectional=True),
        [(6, 3), (6,), (4, 4), (4, 4)], mask=1, last=True,
    )
    yield case("lstm, states", 7, lstm(3, 4), [(5, 3), (4,), (4,)], last=True)
    yield case("gru", 11, gru(3, 5), [(6, 3)])
    yield case("gru of 17", 12, gru(1, 17), [(4, 1)])
    yield case("gru, no bias", 13, gru(4, 8, bias=False, num_layers=2), [(5, 4)])
    yield case(
        "gru, masked", 14, gru(3, 4, bidirectional=True), [(6, 3), (6,)], mask=1, last=True
    )
    yield case(
        "gru, all options", 15, gru(3, 4, num_layers=2, bidirectional=True),
        [(6, 3), (6,), (4, 4)], mask=1, last=True,
    )
    yield case("rnn", 21, rnn(3, 5), [(6, 3)])
    yield case("rnn, relu", 22, rnn(3, 16, nonlinearity="relu", num_layers=2), [(4, 3)])
    yield case(
        "rnn, all options", 23, rnn(3, 4, num_layers=2, bidirectional=True, bias=False),
        [(6, 3), (6,), (4, 4)], mask=1, last=True,
    )
    yield case("gru, reset before", 31, Gru(3, 5, True, torch.tanh), [(6, 3)])
    yield case("gru, rectified", 32, Gru(3, 5, False, torch.relu), [(6, 3)])
    yield case(
        "gru, reset before and rectified", 33, Gru(3, 20, True, torch.relu),
        [(6, 3), (6,), (20,)], mask=1, last=True,
    )


class Scan(nn.Module):
    """A loop over a cell under the name `a`: its states follow its output."""

    def __init__(self, cell, *states):
        super().__init__()
        self.a, self.states = cell, states

    def forward(self, x, mask=None, *states):
        if not states:
            states = [torch.zeros(len(x), size, dtype=x.dtype) for size in self.states]
        outputs = []
        for t in range(x.shape[1]):
            y, *states = self.a(x[:, t], *states)
            outputs.append(y)
        return torch.stack(outputs, 1), states


class MinimalGatedUnit(nn.Module):
    """Zhou et al., 2016."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.forget = nn.Linear(inputs + hidden, hidden)
        self.candidate = nn.Linear(inputs + hidden, hidden)

    def forward(self, x, h):
        f = torch.sigmoid(self.forget(torch.cat([x, h], 1)))
        n = torch.tanh(self.candidate(torch.cat([x, f * h], 1)))
        h = (1 - f) * h + f * n
        return h, h


class NormalizedElman(nn.Module):
    """An Elman cell with layer normalization, and an output of another width."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.ih = nn.Linear(inputs, hidden)
        self.hh = nn.Linear(hidden, hidden, bias=False)
        self.norm = nn.LayerNorm(hidden)
        self.out = nn.Linear(hidden, outputs)

    def forward(self, x, h):
        h = torch.tanh(self.norm(self.ih(x) + self.hh(h)))
        return self.out(h), h


class Peephole(nn.Module):
    """An LSTM cell whose gates read the cell state as well."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.gates = nn.Linear(inputs + 2 * hidden, 4 * hidden)

    def forward(self, x, h, c):
        i, f, g, o = self.gates(torch.cat([x, h, c], 1)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, h, c


def scans():
    yield case("minimal gated unit", 1, Scan(MinimalGatedUnit(3, 5), 5), [(6, 3)])
    yield case(
        "minimal gated unit, states", 2, Scan(MinimalGatedUnit(2, 18)), [(4, 2), (18,)], last=True
    )
    yield case("normalized", 3, Scan(NormalizedElman(3, 8, 2), 8), [(5, 3)])
    yield case("normalized, last state", 4, Scan(NormalizedElman(1, 6, 3), 6), [(7, 1)], last=True)
    yield case("peephole", 5, Scan(Peephole(3, 4)), [(5, 3), (4,), (4,)], last=True)


def write_weights(name):
    tensors = nn.LSTM(3, 2, num_layers=2, bidirectional=True).state_dict()
    header, numbers, at = {}, [], 0
    for key, tensor in tensors.items():
        count = tensor.numel()
        header[f"rnn.{key}"] = {
            "dtype": "F32", "shape": list(tensor.shape), "data_offsets": [4 * at, 4 * (at + count)],
        }
        numbers += range(at, at + count)
        at += count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = struct.pack(f"<{at}f", *numbers)
    (HERE / name).write_bytes(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("recurrent.json", [*recurrent()])
    write("scan.json", [*scans()])
    write_weights("recurrent.safetensors")
