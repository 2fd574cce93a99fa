#!/usr/bin/env python3
"""Reference values from PyTorch for the activations.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_activations.py

It writes activations_more.json next to itself, in the format of
activations.json (see make_reference.py), with one more entry: "layer" is the
layer as shapewright writes it. "weight" is that of PReLU; its features are
the last axis here, and PyTorch's second: x, y and g are turned for the call.
The file in the repository was made with torch 2.15.0 on CPU, one thread.
"""

import torch
from torch import nn

from make_reference import activation_inputs, generator, grid, layer_case, write


class LastAxisPReLU(nn.Module):
    """PReLU whose features are the last axis."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, x):
        return nn.functional.prelu(x.movedim(-1, 1), self.weight).movedim(1, -1)


class Hardsigmoid(nn.Module):
    """By its definition: the gradient of nn.Hardsigmoid has a sixth of f32, also in f64."""

    def forward(self, x):
        return nn.functional.relu6(x + 3) / 6


class Magnitude(nn.Module):
    """Absolute values of complex numbers: the real parts, then the imaginary ones."""

    def forward(self, x):
        return torch.complex(*x.chunk(2, dim=-1)).abs()


LAYERS = [
    ("Relu6", nn.ReLU6()),
    ("LeakyRelu", nn.LeakyReLU()),
    ("LeakyRelu(0.25)", nn.LeakyReLU(0.25)),
    ("PRelu", LastAxisPReLU([0.375])),
    ("PRelu<_>", None),
    ("Elu", nn.ELU()),
    ("Elu(0.5)", nn.ELU(0.5)),
    ("Selu", nn.SELU()),
    ("Celu", nn.CELU()),
    ("Celu(0.5)", nn.CELU(0.5)),
    ("GeluTanh", nn.GELU(approximate="tanh")),
    ("Silu", nn.SiLU()),
    ("Mish", nn.Mish()),
    ("Softplus", nn.Softplus()),
    ("Softplus(2.0,3.0)", nn.Softplus(2.0, 3.0)),
    ("Softsign", nn.Softsign()),
    ("HardTanh", nn.Hardtanh()),
    ("HardTanh(-2.0,0.5)", nn.Hardtanh(-2.0, 0.5)),
    ("LogSigmoid", nn.LogSigmoid()),
    ("HardSigmoid", Hardsigmoid()),
    ("HardSwish", nn.Hardswish()),
    ("LogSoftmax", nn.LogSoftmax(dim=-1)),
    ("Glu", nn.GLU(dim=-1)),
    ("Magnitude", Magnitude()),
]


def cases():
    for seed, (layer, module) in enumerate(LAYERS, 600):
        gen = generator(seed)
        for shape in [[2, 18], [3, 2, 4]]:
            x = activation_inputs(gen, *shape)
            if layer == "PRelu<_>":
                module = LastAxisPReLU([(3 * i % 17 - 5) / 16 for i in range(shape[-1])])
            name = f"{layer}_{'x'.join(map(str, shape))}"
            case = layer_case(name, type(module).__name__, module, x, lambda *s: grid(gen, *s))
            yield {"layer": layer} | case


if __name__ == "__main__":
    write("activations_more.json", list(cases()))
