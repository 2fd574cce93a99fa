#!/usr/bin/env python3
"""PyTorch's half of tests/files/interchange.rs.

    python3 interchange.py FOLDER dense|images

Reads FOLDER/ours.safetensors into the model of that name, which must take it
as it is, and writes theirs.safetensors, the weights of another such model of
the same number type, and outputs.json: inputs "x", and the outputs of the two
models, "ours" and "theirs". "dense" is the model of make_weights.py; inputs of
"images" are written with their channels last.
"""

import json
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from make_weights import model as dense
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn


def images():
    """A small LeNet, with features in an order that matters: 2 x 3 pixels of 8 channels before norm2."""
    layers = [
        ("conv1", nn.Conv2d(2, 6, 5, padding=2)),
        ("norm1", nn.BatchNorm2d(6)),
        ("2", nn.ReLU()),
        ("3", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(6, 8, (3, 2))),
        ("5", nn.ReLU()),
        ("6", nn.MaxPool2d(2)),
        ("7", nn.Flatten()),
        ("norm2", nn.BatchNorm1d(48)),
        ("fc1", nn.Linear(48, 12)),
        ("10", nn.ReLU()),
        ("fc2", nn.Linear(12, 5)),
    ]
    return nn.Sequential(OrderedDict(layers))


MODELS = {"dense": (dense, [6, 4]), "images": (images, [6, 2, 12, 14])}


def main():
    folder, (model, shape) = Path(sys.argv[1]), MODELS[sys.argv[2]]
    torch.manual_seed(3)
    torch.set_num_threads(1)
    state = load_file(folder / "ours.safetensors")
    with safe_open(folder / "ours.safetensors", "pt") as file:
        assert file.metadata() == {"shapewright": "1", "made by": '"shapewright"\n'}, file.metadata()
    dtype = next(iter(state.values())).dtype
    ours, theirs = model().to(dtype), model().to(dtype)
    assert all(tensor.dtype == dtype for tensor in state.values())
    ours.load_state_dict(state, strict=True)
    x = torch.randn(shape).to(dtype)
    theirs(x)  # sets running statistics
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    ours.eval(), theirs.eval()
    outputs = {"x": x.movedim(1, -1), "ours": ours(x), "theirs": theirs(x)}
    with open(folder / "outputs.json", "w") as file:
        json.dump({name: tensor.flatten().tolist() for name, tensor in outputs.items()}, file)


if __name__ == "__main__":
    main()
