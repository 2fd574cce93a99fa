#!/usr/bin/env python3
"""PyTorch's half of tests/interchange.rs.

    python3 interchange.py FOLDER

Reads FOLDER/ours.safetensors into the model of make_weights.py, which must
take it as it is, and writes theirs.safetensors, the weights of another such
model of the same number type, and outputs.json: inputs "x", and the outputs
of the two models, "ours" and "theirs".
"""

import json
import sys
from pathlib import Path

import torch
from make_weights import model
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(3)
    torch.set_num_threads(1)
    state = load_file(folder / "ours.safetensors")
    with safe_open(folder / "ours.safetensors", "pt") as file:
        assert file.metadata() == {"made by": '"shapewright"\n'}, file.metadata()
    dtype = next(iter(state.values())).dtype
    ours, theirs = model().to(dtype), model().to(dtype)
    assert all(tensor.dtype == dtype for tensor in state.values())
    ours.load_state_dict(state, strict=True)
    save_file(theirs.state_dict(), folder / "theirs.safetensors")
    x = torch.randn(6, 4).to(dtype)
    outputs = {"x": x, "ours": ours(x), "theirs": theirs(x)}
    with open(folder / "outputs.json", "w") as file:
        json.dump({name: tensor.flatten().tolist() for name, tensor in outputs.items()}, file)


if __name__ == "__main__":
    main()
