#!/usr/bin/env python3
"""Weight files written by PyTorch for the tests of shapewright.

Run, from the root of the repository:

    pip install torch safetensors
    python3 tests/reference/make_weights.py

It writes, next to itself:

    weights.safetensors        the state_dict of a small model
    weights_types.safetensors  the same numbers in F64, F16 and BF16, and one
                               tensor in I64
    weights.json               {"torch": version, "cases": [case]}: inputs "x",
                               outputs "y" of the model, all numbers flat; under
                               "types" the numbers of the second file as f64

The files in the repository were made with torch 2.15.0 and safetensors 0.8.0.
"""

import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent


def model():
    """`{ encoder: { fc: Linear<4, 8>, Tanh }, Relu, Linear<8, 3, NoBias> }`"""
    encoder = nn.Sequential(OrderedDict(fc=nn.Linear(4, 8), tanh=nn.Tanh()))
    layers = [("encoder", encoder), ("1", nn.ReLU()), ("2", nn.Linear(8, 3, bias=False))]
    return nn.Sequential(OrderedDict(layers))


def main():
    torch.manual_seed(7)
    torch.set_num_threads(1)
    net = model()
    save_file(net.state_dict(), HERE / "weights.safetensors", metadata={"format": "pt", "note": 'a "quoted" é'})
    x = torch.randn(5, 4)
    case = {
        "name": "weights",
        "shapes": {"x": [5, 4], "y": [5, 3]},
        "x": x.flatten().tolist(),
        "y": net(x).flatten().tolist(),
        "y_f64": net.double()(x.double()).flatten().tolist(),
    }
    net.float()
    state = net.state_dict()
    # The smallest and largest numbers of each type, too.
    half, brain = state["2.weight"].half(), state["encoder.fc.bias"].bfloat16()
    half[0, :4] = torch.tensor([2**-24, 65504, -0.0, float("inf")])
    brain[:2] = torch.tensor([3e38, -1e-40])
    types = {
        "2.weight": half,
        "encoder.fc.bias": brain,
        "encoder.fc.weight": state["encoder.fc.weight"].double() / 3,
        "steps": torch.tensor(17),
    }
    save_file(types, HERE / "weights_types.safetensors")
    numbers = {name: t.double().flatten().tolist() for name, t in types.items()}
    case["types"] = {k: [str(n) for n in v] for k, v in numbers.items()}
    with open(HERE / "weights.json", "w") as file:
        json.dump({"torch": torch.__version__, "cases": [case]}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
