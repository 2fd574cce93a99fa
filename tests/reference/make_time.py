#!/usr/bin/env python3
"""Reference values from PyTorch for layers along the time axis.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_time.py

It writes time.json next to itself. The file in the repository was made with
torch 2.5.1 on CPU, one thread.

A case has the form of those in attention.json: see make_attention.py. A mask
is 1 for the steps of a sample and 0 for its padding, which lies at the end,
at the beginning and in between; its gradient is 0 here. Sequences are
[length, channels] in "x" and in "y".
"""

import torch
from torch import nn
from torch.nn import functional as F

from make_attention import randomize
from make_reference import generator, grid, inputs, results, write

# The real steps of three samples.
MASKS = [[1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0], [0, 1, 1, 0, 1, 0]]


class Call(nn.Module):
    """A function of the input, without parameters."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *x):
        return self.function(*x)


class OverChannels(nn.Module):
    """A module under the name `a` for which the channels are moved to the front and back."""

    def __init__(self, module, before=(0, 0)):
        super().__init__()
        self.a, self.before = module, before

    def forward(self, x):
        return self.a(F.pad(x.transpose(1, 2), self.before)).transpose(1, 2)


class Causal(OverChannels):
    """A convolution with all padding before its input."""

    def __init__(self, inputs, outputs, kernel, dilation=1, **options):
        conv = nn.Conv1d(inputs, outputs, kernel, dilation=dilation, **options)
        super().__init__(conv, (dilation * (kernel - 1), 0))


class WaveNet(nn.Module):
    """Two causal convolutions, the second of which is dilated, with a residual."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv1d(2, 4, 2), nn.Conv1d(4, 4, 2, dilation=2)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.tanh(self.first(F.pad(x.transpose(1, 2), (1, 0))))
        x = x + torch.tanh(self.second(F.pad(x, (2, 0))))
        return self.head(x[:, :, -1])


def masked_mean(x, mask):
    mask = mask[:, :, None]
    return (x * mask).sum(1) / mask.sum(1)


def masked_max(x, mask):
    return x.masked_fill(mask[:, :, None] == 0, -torch.inf).amax(1)


def case(name, seed, module, *shapes):
    """`shapes` are those of the sources of a sample; a second one is a mask."""
    gen, samples = generator(seed), 3
    randomize(gen, module)
    parts = [grid(gen, samples, *shapes[0])]
    if name.startswith("max"):
        # The gradient of a maximum has one place.
        for column in parts[0].transpose(1, 2).reshape(-1, shapes[0][0]):
            assert len(set(column.tolist())) == len(column), f"{name}: choose another seed"
    if len(shapes) > 1:
        parts.append(torch.tensor(MASKS, dtype=torch.float32))
    shapes = {k: list(v.shape) for k, v in module.named_parameters()}
    params = {k: inputs(v.detach().clone()) for k, v in module.named_parameters()}

    module = module.double()
    leaves = [part.double() for part in parts]
    leaves[0].requires_grad_(True)
    y = module(*leaves)
    g = grid(gen, *y.shape)
    y.backward(g.double())
    grads = [leaves[0].grad, *map(torch.zeros_like, leaves[1:])]
    flat = lambda parts: torch.cat([part.reshape(samples, -1) for part in parts], 1)
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


def cases():
    yield case("mean", 1, Call(lambda x: x.mean(1)), (5, 4))
    yield case("mean, masked", 2, Call(masked_mean), (6, 3), (6,))
    yield case("max", 33, Call(lambda x: x.amax(1)), (5, 4))
    yield case("max, masked", 44, Call(masked_max), (6, 3), (6,))
    yield case("last", 5, Call(lambda x: x[:, -1]), (5, 3))
    yield case("slice", 6, Call(lambda x: x[:, 2:5]), (7, 3))
    yield case("slice of images", 7, Call(lambda x: x.narrow(1, 1, 2)), (4, 3, 2))
    yield case("zero padding", 8, OverChannels(nn.ZeroPad1d((2, 1))), (4, 3))
    yield case("reflection padding", 9, OverChannels(nn.ReflectionPad1d((2, 4))), (5, 2))
    yield case("reflection padding of both ends", 10, OverChannels(nn.ReflectionPad1d(3)), (4, 3))
    yield case("replication padding", 11, OverChannels(nn.ReplicationPad1d((3, 1))), (4, 2))
    yield case("causal", 12, Causal(3, 4, 3), (7, 3))
    yield case("causal, all options", 13, Causal(4, 6, 2, dilation=3, groups=2, bias=False), (9, 4))
    yield case("causal, longer than the sequence", 14, Causal(2, 3, 4, dilation=2), (3, 2))
    yield case("causal, wide", 15, Causal(16, 20, 2), (6, 16))
    yield case("wavenet", 16, WaveNet(), (8, 2))


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("time.json", [*cases()])
