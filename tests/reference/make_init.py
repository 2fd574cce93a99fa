#!/usr/bin/env python3
"""What torch.nn.init draws from, for the tests of shapewright's `init`.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_init.py

It writes init.json next to itself: for weights of several shapes (PyTorch's
layout, [out, in] and kernel axes) the bounds and standard deviations that
torch.nn.init works out, caught where it draws. The random numbers themselves
differ, as the generators do. Made with torch 2.15.0.

Format: {"torch": version, "cases": [{"name", "function", "mode",
"nonlinearity", "slope", "gain", "shape", "std"}]}, std of the uniform ones
being their bound over sqrt(3).
"""

import math
from unittest import mock

import torch
from torch import nn

from make_reference import Raw, write

SHAPES = [[3, 4], [10, 50], [5, 4, 3], [16, 3, 5, 5]]
NONLINEARITIES = [
    ("linear", None),
    ("sigmoid", None),
    ("tanh", None),
    ("relu", None),
    ("leaky_relu", 0.01),
    ("leaky_relu", math.sqrt(5)),
    ("selu", None),
]


def drawn_std(call):
    """The standard deviation with which `call` asks for numbers."""
    found = []
    uniform = lambda self, low, high, **_: found.append((high - low) / math.sqrt(12)) or self
    normal = lambda self, mean, std, **_: found.append(std) or self
    with mock.patch.object(torch.Tensor, "uniform_", uniform), mock.patch.object(torch.Tensor, "normal_", normal):
        call()
    assert len(found) == 1
    return found[0]


def case(function, shape, call, **fields):
    std = drawn_std(lambda: call(torch.empty(shape)))
    name = "_".join([function, "x".join(map(str, shape))] + [str(v) for v in fields.values()])
    fields = {k: Raw(f"{v:.17g}") if isinstance(v, float) else v for k, v in fields.items()}
    return {"name": name, "function": function, "shape": shape, "std": Raw(f"{std:.13g}")} | fields


def cases():
    for shape in SHAPES:
        for function in ["xavier_uniform", "xavier_normal"]:
            for gain in [1.0, nn.init.calculate_gain("tanh")]:
                draw = getattr(nn.init, function + "_")
                yield case(function, shape, lambda t: draw(t, gain), gain=gain)
        for function in ["kaiming_uniform", "kaiming_normal"]:
            for mode in ["fan_in", "fan_out"]:
                for nonlinearity, slope in NONLINEARITIES:
                    draw = getattr(nn.init, function + "_")
                    call = lambda t: draw(t, slope or 0, mode, nonlinearity)
                    fields = {"mode": mode, "nonlinearity": nonlinearity, "slope": slope or 0.0}
                    yield case(function, shape, call, **fields)


if __name__ == "__main__":
    write("init.json", list(cases()))
