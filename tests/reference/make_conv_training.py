#!/usr/bin/env python3
"""Reference values from PyTorch for the training of a convolutional network.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_conv_training.py

It writes conv_training.json next to itself: ten steps of training of

    conv1: Conv2d<2, 6, 3>, Relu, MaxPool2d<2>,
    conv2: Conv2d<6, 8, 3, Stride<2>, Pad<1>>, Flatten, fc: Linear<32, 5>

in the format of training.json (see make_reference.py) with images and the
weights of convolutions laid out as in shapewright: channels last, weights
[kernel height][kernel width][in][out], and the features of fc in the order of
channels-last images. They are turned for PyTorch here.

The file in the repository was made with torch 2.15.0 on CPU, one thread.
"""

import math

import torch
from torch.nn import functional

from make_reference import ADAM, generator, grid, inputs, make_optimizer, results, spread, uniform_grid, write

STEPS, BATCH, HEIGHT, WIDTH, CHANNELS, CLASSES = 10, 4, 9, 8, 2, 5
SHAPES = {
    "conv1.weight": [3, 3, CHANNELS, 6],
    "conv1.bias": [6],
    "conv2.weight": [3, 3, 6, 8],
    "conv2.bias": [8],
    "fc.weight": [CLASSES, 2 * 2 * 8],
    "fc.bias": [CLASSES],
}
FAN_IN = {"conv1": 9 * CHANNELS, "conv2": 9 * 6, "fc": 32}


def forward(p, x):
    kernel = lambda name: p[name].permute(3, 2, 0, 1)
    y = functional.conv2d(x.movedim(-1, 1), kernel("conv1.weight"), p["conv1.bias"])
    y = functional.max_pool2d(functional.relu(y), 2)
    y = functional.conv2d(y, kernel("conv2.weight"), p["conv2.bias"], stride=2, padding=1)
    return functional.linear(y.movedim(1, -1).flatten(1), p["fc.weight"], p["fc.bias"])


def train(initial, optimizer, x, target, dtype):
    p = {name: value.to(dtype, copy=True).requires_grad_() for name, value in initial.items()}
    optimizer = make_optimizer(optimizer["kind"], optimizer["options"], p.values())
    losses = []
    for xs, ts in zip(x.to(dtype), target):
        optimizer.zero_grad()
        loss = functional.cross_entropy(forward(p, xs), ts)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses), {name: value.detach() for name, value in p.items()}


def case():
    gen = generator(950)
    initial = {
        name: uniform_grid(gen, *shape, bound=1 / math.sqrt(FAN_IN[name.split(".")[0]]))
        for name, shape in SHAPES.items()
    }
    x = grid(gen, STEPS, BATCH, HEIGHT, WIDTH, CHANNELS, step=1 / 16)
    target = torch.randint(0, CLASSES, (STEPS, BATCH), generator=gen)
    optimizer = {"kind": "Adam", "options": ADAM | {"lr": 1e-2}}
    losses, final = train(initial, optimizer, x, target, torch.float32)
    losses64, final64 = train(initial, optimizer, x, target, torch.float64)
    case = {
        "name": "conv_relu_pool_conv_linear_adam",
        "kind": "training",
        "loss": "CrossEntropyLoss",
        "reduction": "mean",
        "optimizer": optimizer,
        "steps": STEPS,
        "batch": BATCH,
        "shapes": {"x": list(x.shape), "target": list(target.shape)} | SHAPES,
        "x": inputs(x),
        "target": inputs(target),
        "initial": {name: inputs(value) for name, value in initial.items()},
        "losses": results(losses),
        "final": {name: results(value) for name, value in final.items()},
        "losses_f64": results(losses64),
        "final_f64": {name: results(value) for name, value in final64.items()},
    }
    worst = max(float((final[name].double() - final64[name]).abs().max()) for name in final)
    print(f"  f32 and f64 parameters differ by at most {worst:.1e} after {STEPS} steps")
    assert worst < 2e-5 and spread(case, "losses") < 2e-6
    return case


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("conv_training.json", [case()])
