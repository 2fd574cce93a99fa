#!/usr/bin/env python3
"""A weight file with several number types, written by the safetensors library.

Run, from the root of the repository:

    pip install numpy safetensors
    python3 tests/reference/make_number_types.py

It writes number_types.safetensors, next to itself: a linear layer from 3 to 5
features with 8-bit weights (`fc.weight` [5, 3] I8, `fc.scale` [5] F32 and
`fc.bias` [5] F32), and a table of two rows in half precision (`table.rows` [2,
3] F16) with a count of each (`table.counts` [2] U32).

The file in the repository was made with numpy 2.4.6 and safetensors 0.8.0.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent


def main():
    i = np.arange(15)
    tensors = {
        "fc.weight": ((i * 37 + 11) % 256 - 128).astype(np.int8).reshape(5, 3),
        "fc.scale": np.array([0.5, 0.01, 1.0, 0.125, 0.003], np.float32),
        "fc.bias": np.array([0.0, 1.0, -2.0, 0.1, 5.0], np.float32),
        "table.rows": np.array([[0.1, -2.5, 65504.0], [1e-7, 3.0, -0.0]], np.float16),
        "table.counts": np.array([7, 4_000_000_000], np.uint32),
    }
    save_file(tensors, HERE / "number_types.safetensors")


if __name__ == "__main__":
    main()
