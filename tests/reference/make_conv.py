#!/usr/bin/env python3
"""Reference values from PyTorch for the convolutions.

Run, from the root of the repository:

    pip install torch numpy safetensors
    python3 tests/reference/make_conv.py

It writes, next to itself:

    conv.json          cases in the format of layers.json (see make_reference.py),
                       with one more entry: "layer" is the layer as shapewright
                       writes it. Everything is laid out as in shapewright, and
                       turned for PyTorch here: images have their channels last,
                       weights are [kernel height][kernel width][in / groups][out]
                       ([kernel][in / groups][out] in one dimension, and
                       [kernel height][kernel width][out / groups][in] for
                       transposed convolutions)
    conv_tiles.json    the same for kernels of 3 by 3 on many channels, which are computed by tiles
    conv_net.json      inputs and outputs (channels last) of a small model
    conv.safetensors   its state_dict, as PyTorch has it

The files in the repository were made with torch 2.15.0 on CPU, one thread.
"""

import math
from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from make_reference import HERE, generator, grid, layer_case, write


class ChannelsLast(nn.Module):
    """A convolution of PyTorch's on shapewright's layouts."""

    def __init__(self, function, weight, bias, **options):
        super().__init__()
        self.function, self.options = function, options
        self.weight = nn.Parameter(weight)
        if bias is not None:
            self.bias = nn.Parameter(bias)

    def forward(self, x):
        # [k.., i, o] to [o, i, k..], and likewise with in and out changing places.
        weight = self.weight.movedim((-1, -2), (0, 1))
        bias = getattr(self, "bias", None)
        return self.function(x.movedim(-1, 1), weight, bias, **self.options).movedim(1, -1)


# Layer, input without the batch, batch.
LAYERS = [
    ("Conv2d<_,3,3>", [5, 6, 2], 1),
    ("Conv2d<2,3,3,Pad<1>>", [4, 5, 2], 2),
    ("Conv2d<_,4,(3,2),NoBias>", [4, 4, 3], 1),
    ("Conv2d<_,2,(2,3),Stride<2,1>,Pad<1,2>>", [5, 4, 3], 1),
    ("Conv2d<_,3,2,Dilation<2,3>,Pad<1>>", [4, 5, 2], 1),
    ("Conv2d<_,6,3,Groups<2>,Pad<1>,Stride<2>>", [5, 5, 4], 2),
    ("Conv2d<_,6,3,Groups<3>,NoBias,Pad<1>>", [3, 4, 3], 1),
    ("Conv2d<_,5,3,Groups<5>,Pad<1>>", [4, 4, 5], 2),
    ("Conv2d<_,9,3,Groups<9>,Pad<2>,Dilation<2>,Stride<2>>", [5, 4, 9], 1),
    ("Conv2d<_,5,1>", [3, 2, 4], 1),
    ("Conv2d<_,5,1,Stride<2>,NoBias>", [4, 3, 3], 1),
    ("Conv2d<_,3,1,Pad<2>>", [1, 1, 2], 1),
    ("Conv2d<_,2,3,Pad<4,3>>", [2, 1, 2], 1),
    ("Conv2d<_,2,3,Pad<1>>", [1, 1, 3], 2),
    ("Conv2d<_,2,2,Stride<3>>", [6, 7, 2], 1),
    ("Conv2d<_,6,5,Pad<2>>", [5, 4, 1], 1),
    ("Conv2d<_,17,(1,3),Stride<1,2>>", [1, 6, 5], 1),
    ("Conv2d<_,34,2>", [2, 3, 1], 1),
    ("Conv1d<_,4,3>", [7, 2], 2),
    ("Conv1d<3,4,5,Stride<2>,Pad<2>>", [8, 3], 1),
    ("Conv1d<_,6,2,Dilation<3>,Groups<2>,NoBias>", [7, 4], 1),
    ("Conv1d<_,3,1>", [4, 5], 1),
    ("ConvTranspose2d<_,3,3>", [3, 4, 2], 1),
    ("ConvTranspose2d<2,3,2,Stride<2>>", [3, 2, 2], 2),
    ("ConvTranspose2d<_,4,3,Stride<2>,Pad<1>,OutputPad<1>>", [3, 4, 3], 1),
    ("ConvTranspose2d<_,4,(3,2),Stride<3,2>,Pad<1,0>,OutputPad<2,1>,NoBias>", [2, 3, 2], 1),
    ("ConvTranspose2d<_,6,3,Groups<2>,Dilation<2>,Pad<1>>", [3, 3, 4], 1),
    ("ConvTranspose2d<_,3,2,Dilation<3>,OutputPad<2>>", [2, 2, 2], 1),
    ("ConvTranspose2d<_,4,4,Groups<4>,Stride<2>,Pad<1>>", [2, 3, 4], 1),
    ("ConvTranspose2d<_,3,1>", [2, 2, 4], 1),
    ("ConvTranspose2d<_,2,1,Stride<3>>", [2, 2, 2], 1),
]

TILED = [
    ("Conv2d<_,16,3,Pad<1>>", [5, 4, 16], 3),
    ("ConvTranspose2d<_,16,3,Pad<0,1>>", [4, 3, 16], 4),
]


def parse(layer, channels):
    """The kind, sizes and options of a layer as shapewright writes it."""
    kind, rest = layer[:-1].split("<", 1)
    pieces, depth = [""], 0
    for letter in rest:
        depth += letter in "<("
        depth -= letter in ">)"
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    axes = 1 if kind == "Conv1d" else 2
    numbers = lambda text: [int(n) for n in text.strip("()").split(",")]
    pair = lambda text: (numbers(text) * 2)[:axes] if len(numbers(text)) == 1 else numbers(text)
    out, kernel = int(pieces[1]), pair(pieces[2])
    assert pieces[0] in ("_", str(channels))
    names = {"Stride": "stride", "Pad": "padding", "Dilation": "dilation", "OutputPad": "output_padding"}
    options, groups, bias = {}, 1, True
    for piece in pieces[3:]:
        name, _, value = piece.partition("<")
        if name == "NoBias":
            bias = False
        elif name == "Groups":
            groups = int(value[:-1])
        else:
            options[names[name]] = tuple(pair(value[:-1]))
    return kind, out, kernel, groups, bias, options


def cases(layers, first_seed):
    for seed, (layer, shape, batch) in enumerate(layers, first_seed):
        gen = generator(seed)
        channels = shape[-1]
        kind, out, kernel, groups, bias, options = parse(layer, channels)
        function = {
            "Conv1d": functional.conv1d,
            "Conv2d": functional.conv2d,
            "ConvTranspose2d": functional.conv_transpose2d,
        }[kind]
        last = [out // groups, channels] if kind == "ConvTranspose2d" else [channels // groups, out]
        scale = 1 / math.sqrt(math.prod(kernel) * last[0])
        weight = grid(gen, *kernel, *last, scale=scale, step=1 / 512)
        bias = grid(gen, out, scale=scale, step=1 / 512) if bias else None
        module = ChannelsLast(function, weight, bias, groups=groups, **options)
        x = grid(gen, batch, *shape)
        name = f"{layer}_of_{'x'.join(map(str, shape))}"
        yield {"layer": layer} | layer_case(name, kind, module, x, lambda *s: grid(gen, *s))


def network():
    """Two convolutions, a transposed one, one over rows of pixels, and a dense layer on its features."""
    torch.manual_seed(11)
    layers = OrderedDict(
        conv1=nn.Conv2d(3, 4, (3, 2), padding=1, stride=(1, 2)),
        conv2=nn.Conv2d(4, 6, 3, groups=2, bias=False),
        up=nn.ConvTranspose2d(6, 5, 3, stride=2, output_padding=1),
        row=nn.Conv1d(5, 2, 4),
        fc=nn.Linear(42, 3),
    )
    net = nn.ModuleDict(layers)
    save_file(net.state_dict(), HERE / "conv.safetensors", metadata={"format": "pt"})
    x = grid(generator(5), 2, 4, 5, 3)

    def run(net, x):
        y = net["conv2"](torch.tanh(net["conv1"](x.movedim(-1, 1))))
        y = net["up"](y).movedim(1, -1)
        rows = y.reshape(y.shape[0], -1, y.shape[-1])
        return net["fc"](net["row"](rows.movedim(-1, 1)).flatten(1))

    y = run(net, x)
    case = {"name": "net", "shapes": {"x": list(x.shape), "y": list(y.shape)}}
    case |= {"x": x.flatten().tolist(), "y": y.flatten().tolist()}
    case |= {"y_f64": run(net.double(), x.double()).flatten().tolist()}
    return case


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("conv.json", list(cases(LAYERS, 900)))
    write("conv_tiles.json", list(cases(TILED, 950)))
    write("conv_net.json", [network()])
