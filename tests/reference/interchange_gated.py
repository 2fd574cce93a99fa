#!/usr/bin/env python3
"""PyTorch's half of a test in tests/files/interchange.rs.

    python3 interchange_gated.py FOLDER

FOLDER/ours.safetensors is of a network with a layer whose result depends on the
order of flattened features, and says so: a model refuses it. Writes
theirs.safetensors, the weights of that model.
"""

import sys
from collections import OrderedDict
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import nn


def main():
    folder = Path(sys.argv[1])
    model = nn.Sequential(OrderedDict([("0", nn.Flatten()), ("1", nn.GLU()), ("fc", nn.Linear(6, 1))]))
    try:
        model.load_state_dict(load_file(folder / "ours.safetensors"))
    except RuntimeError as error:
        assert 'Unexpected key(s) in state_dict: "1.channels_last"' in str(error), error
    else:
        raise AssertionError("the weights were taken")
    save_file(model.state_dict(), folder / "theirs.safetensors")


if __name__ == "__main__":
    main()
