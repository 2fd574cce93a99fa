#!/usr/bin/env python3
"""Reference values from PyTorch for the embedding.

Run, from the root of the repository:

    pip install torch numpy safetensors
    python3 tests/reference/make_embedding.py

It writes, next to itself:

    embedding.json         forward and backward, in the format of layers.json
                           (see make_reference.py), with one more entry:
                           "layer" is the layer as shapewright writes it. x has
                           the indices as whole numbers; their gradient is zero.
                           The last case, of kind "Sequential", is a model with
                           the weights of the other file: x and y alone.
    embedding.safetensors  the state_dict of that model

The files in the repository were made with torch 2.15.0 and safetensors 0.8.0
on CPU, one thread.
"""

from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn

from make_reference import HERE, generator, grid, inputs, layer_case, results, write


class Embedding(nn.Embedding):
    """Of indices that are floats, so that they have a gradient."""

    def forward(self, x):
        return super().forward(x.long()) + 0 * x.sum()


CASES = [
    # num_embeddings, embedding_dim, padding_idx, shape of x
    (5, 3, None, [1, 1]),
    (5, 3, None, [4, 6]),
    (5, 3, 2, [4, 6]),
    (7, 1, 0, [3, 2, 4]),
    (11, 17, None, [2, 3, 2, 2]),
    (60, 40, 59, [9, 12]),
]


def cases():
    for seed, (count, dim, padding, shape) in enumerate(CASES, 700):
        gen = generator(seed)
        x = torch.randint(0, count, shape, generator=gen).float()
        if padding is not None:
            x.view(-1)[::5] = padding
        module = Embedding(count, dim, padding_idx=padding)
        with torch.no_grad():
            module.weight.copy_(grid(gen, count, dim))
        option = "" if padding is None else f",PaddingIdx<{padding}>"
        layer = f"Embedding<{count},{dim}{option}>"
        name = f"{layer} of {'x'.join(map(str, shape))}"
        yield {"layer": layer} | layer_case(name, "Embedding", module, x, lambda *s: grid(gen, *s), exact=True)


def model_case():
    torch.manual_seed(7)
    layers = [("embed", nn.Embedding(6, 4, padding_idx=0)), ("1", nn.Flatten()), ("2", nn.Linear(12, 2))]
    net = nn.Sequential(OrderedDict(layers))
    save_file(net.state_dict(), HERE / "embedding.safetensors")
    x = torch.tensor([[0, 1, 2], [3, 4, 5], [5, 5, 0]])
    case = {"name": "embedding.safetensors", "kind": "Sequential", "shapes": {"x": [3, 3], "y": [3, 2]}}
    return case | {"x": inputs(x), "y": results(net(x)), "y_f64": results(net.double()(x))}


if __name__ == "__main__":
    write("embedding.json", [*cases(), model_case()])
