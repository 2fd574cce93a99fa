#!/usr/bin/env python3
"""A model in several files, and numbers of 16 bits, for the tests of shapewright.

Run, from the root of the repository:

    pip install huggingface_hub ml_dtypes numpy safetensors
    python3 tests/reference/make_weights_shards.py

It writes, next to itself:

    shards/             a model as `save_pretrained` of Hugging Face's libraries
                        writes it: their function divides it into files and
                        makes the index. The element j of the tensor k, counted
                        by name, is k + j / 64.
    weights_half.json   {"values": numbers as text, "f16": [bits] of these,
                        "single": numbers of an f32 as text, "bf16": [bits] of
                        these}: the roundings of NumPy and ml_dtypes

The files in the repository were made with huggingface_hub 2.4.0, ml_dtypes
0.7.0, numpy 2.4.6 and safetensors 0.8.0.
"""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
from huggingface_hub import split_state_dict_into_shards_factory
from safetensors.numpy import save_file

HERE = Path(__file__).parent


def tensors():
    linears = ["bert.embeddings.dense", "bert.pooler.dense"]
    for i in range(2):
        layer = f"bert.encoder.layer.{i}"
        linears += [f"{layer}.attention.self.query", f"{layer}.attention.output.dense", f"{layer}.output.dense"]
    shapes = {"bert.embeddings.position_ids": (1, 5)}
    for name in linears:
        shapes[f"{name}.weight"] = (4, 4)
        shapes[f"{name}.bias"] = (4,)
    state = {}
    for k, name in enumerate(sorted(shapes)):
        size = int(np.prod(shapes[name]))
        values = np.float32(k) + np.arange(size, dtype=np.float32) / 64
        if name.endswith("position_ids"):
            values = np.arange(size, dtype=np.int64)
        state[name] = values.reshape(shapes[name])
    return state


def shards():
    state = tensors()
    split = split_state_dict_into_shards_factory(
        state,
        get_storage_size=lambda tensor: tensor.nbytes,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=300,
    )
    folder = HERE / "shards"
    folder.mkdir(exist_ok=True)
    for file, names in split.filename_to_tensors.items():
        save_file({name: state[name] for name in names}, folder / file, metadata={"format": "pt"})
    index = {"metadata": split.metadata, "weight_map": split.tensor_to_filename}
    # As `save_torch_state_dict` writes it.
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def halves():
    rng = np.random.default_rng(5)
    values = [0.0, -0.0, 1.0, -2.5, 0.1, 65504.0, 65519.999, 1e-7, 2.0**-25, 2.0**-25 * (1 + 2.0**-50), 1e-30]
    # The middle of two neighbours, and what is next to it.
    for low in [1.0, 1 + 2.0**-10, 1.5 + 2.0**-7, 2.0**-24, 3e-5]:
        for step in [2.0**-11, 2.0**-8]:
            middle = low + step
            values += [middle, np.nextafter(middle, 0), np.nextafter(middle, 9), -middle]
    values += list(rng.standard_normal(60) * 10.0 ** rng.integers(-9, 5, 60))
    values = np.array(values, dtype=np.float64)
    values = values[np.abs(values) < 65520]
    halves = {
        "values": [repr(float(x)) for x in values],
        "f16": [int(x) for x in values.astype(np.float16).view(np.uint16)],
        # From f32, so that they are rounded once.
        "single": [repr(float(x)) for x in values.astype(np.float32)],
        "bf16": [int(x) for x in values.astype(np.float32).astype(ml_dtypes.bfloat16).view(np.uint16)],
    }
    with open(HERE / "weights_half.json", "w") as file:
        json.dump(halves, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    shards()
    halves()
