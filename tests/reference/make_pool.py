#!/usr/bin/env python3
"""Reference values from PyTorch for pooling, padding and upsampling.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_pool.py

It writes pool.json next to itself, in the format of activations.json (see
make_reference.py), with one more entry: "layer" is the layer as shapewright
writes it, without spaces. All arrays are channels-last, [batch, height,
width, channels] or [batch, length, channels]: the axes are moved to
PyTorch's order before the call and back after it. Inputs of maxima are
multiples of 1/2, so that many are equal.
The file in the repository was made with torch 2.15.0 on CPU, one thread, and
its cases of LATER with 2.5.1.
"""

import re

from torch import nn

from make_reference import generator, grid, layer_case, write


class ChannelsLast(nn.Module):
    """A module of PyTorch's on images whose channels are the last axis."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x.movedim(-1, 1)).movedim(1, -1)


# The layer, PyTorch's, and the shapes of inputs.
LAYERS = [
    ("MaxPool2d<2>", nn.MaxPool2d(2), [[2, 4, 33], [7, 5, 6], [3, 2, 1]]),
    ("MaxPool2d<(2,3)>", nn.MaxPool2d((2, 3)), [[5, 7, 3]]),
    ("MaxPool2d<3,Stride<2>,Pad<1>>", nn.MaxPool2d(3, 2, 1), [[7, 6, 5], [1, 1, 2]]),
    ("MaxPool2d<3,Stride<1>,Pad<1>>", nn.MaxPool2d(3, 1, 1), [[3, 4, 9]]),
    ("MaxPool2d<(3,2),Stride<1,2>,Pad<1,0>>", nn.MaxPool2d((3, 2), (1, 2), (1, 0)), [[5, 5, 4]]),
    ("MaxPool2d<2,Stride<3>>", nn.MaxPool2d(2, 3), [[8, 7, 2]]),
    ("MaxPool2d<3,Stride<2>,Pad<1>,Dilation<2,1>>", nn.MaxPool2d(3, 2, 1, (2, 1)), [[9, 8, 3]]),
    ("MaxPool2d<2,Stride<1>,Dilation<3>>", nn.MaxPool2d(2, 1, 0, 3), [[6, 5, 2]]),
    ("MaxPool2d<1>", nn.MaxPool2d(1), [[1, 1, 5]]),
    ("MaxPool1d<2>", nn.MaxPool1d(2), [[9, 4]]),
    ("MaxPool1d<3,Stride<2>>", nn.MaxPool1d(3, 2), [[10, 3]]),
    ("MaxPool1d<4,Stride<2>,Pad<2>,Dilation<2>>", nn.MaxPool1d(4, 2, 2, 2), [[9, 3]]),
    ("AdaptiveMaxPool2d<(3,2)>", nn.AdaptiveMaxPool2d((3, 2)), [[7, 5, 3], [6, 4, 2]]),
    ("AdaptiveMaxPool2d<1>", nn.AdaptiveMaxPool2d(1), [[4, 3, 2]]),
    ("AdaptiveMaxPool2d<4>", nn.AdaptiveMaxPool2d(4), [[3, 2, 2]]),
    ("AdaptiveMaxPool1d<3>", nn.AdaptiveMaxPool1d(3), [[8, 2]]),
    ("AvgPool2d<2>", nn.AvgPool2d(2), [[2, 4, 18], [5, 3, 6], [3, 2, 1]]),
    ("AvgPool2d<3,Stride<2>,Pad<1>>", nn.AvgPool2d(3, 2, 1), [[7, 6, 5], [1, 1, 2]]),
    (
        "AvgPool2d<3,Stride<2>,Pad<1>,ExcludePad>",
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        [[7, 6, 5], [1, 1, 2]],
    ),
    ("AvgPool2d<(2,3),Stride<1,2>,Pad<1,0>>", nn.AvgPool2d((2, 3), (1, 2), (1, 0)), [[4, 8, 3]]),
    (
        "AvgPool2d<(2,4),ExcludePad,Pad<1,2>,Stride<2,1>>",
        nn.AvgPool2d((2, 4), (2, 1), (1, 2), count_include_pad=False),
        [[4, 5, 3]],
    ),
    ("AvgPool1d<2>", nn.AvgPool1d(2), [[7, 3]]),
    (
        "AvgPool1d<3,Stride<2>,Pad<1>,ExcludePad>",
        nn.AvgPool1d(3, 2, 1, count_include_pad=False),
        [[8, 2]],
    ),
    ("AdaptiveAvgPool2d<(3,2)>", nn.AdaptiveAvgPool2d((3, 2)), [[7, 5, 3], [6, 4, 2], [6, 5, 2]]),
    ("AdaptiveAvgPool2d<1>", nn.AdaptiveAvgPool2d(1), [[4, 3, 2]]),
    ("AdaptiveAvgPool2d<4>", nn.AdaptiveAvgPool2d(4), [[3, 2, 2]]),
    ("AdaptiveAvgPool1d<3>", nn.AdaptiveAvgPool1d(3), [[8, 2]]),
    ("ZeroPad2d<1>", nn.ZeroPad2d(1), [[2, 3, 2]]),
    ("ZeroPad2d<(1,0,2,3)>", nn.ZeroPad2d((1, 0, 2, 3)), [[2, 3, 2]]),
    ("ZeroPad2d<0>", nn.ZeroPad2d(0), [[2, 3, 2]]),
    ("Upsample<2>", nn.Upsample(scale_factor=2), [[2, 3, 3], [1, 1, 1]]),
    ("Upsample<(2,3)>", nn.Upsample(scale_factor=(2, 3)), [[3, 2, 4]]),
    ("UpsampleBilinear<2>", nn.Upsample(scale_factor=2, mode="bilinear"), [[4, 3, 3], [1, 1, 2]]),
    ("UpsampleBilinear<(2,3)>", nn.Upsample(scale_factor=(2, 3), mode="bilinear"), [[3, 2, 4]]),
    ("UpsampleBilinear<(4,1)>", nn.Upsample(scale_factor=(4, 1), mode="bilinear"), [[3, 4, 2]]),
]
GLOBAL = [
    ("GlobalAvgPool2d", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), [3, 3, 17]),
    ("GlobalAvgPool1d", nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten()), [7, 3]),
]



class Overlap(nn.Module):
    """Frames of a signal that overlap by some rows of channels."""

    def __init__(self, overlap):
        super().__init__()
        self.overlap = overlap

    def forward(self, x):
        batch, length, size = x.shape[:3]
        signal = x.reshape(batch, length * size, -1).movedim(-1, 1)
        signal = nn.functional.pad(signal, (self.overlap, 0))
        frames = signal.unfold(-1, self.overlap + size, size)
        return frames.permute(0, 2, 3, 1).reshape(batch, length, -1, *x.shape[3:])


# Behind the others, whose inputs thus stay what they are.
LATER = [
    ("ReflectionPad2d<1>", ChannelsLast(nn.ReflectionPad2d(1)), [[2, 3, 2]]),
    ("ReflectionPad2d<(1,3,2,0)>", ChannelsLast(nn.ReflectionPad2d((1, 3, 2, 0))), [[3, 4, 2]]),
    ("ReflectionPad2d<(0,3,0,0)>", ChannelsLast(nn.ReflectionPad2d((0, 3, 0, 0))), [[2, 5, 1]]),
    ("ReplicationPad2d<2>", ChannelsLast(nn.ReplicationPad2d(2)), [[2, 1, 3]]),
    ("ReplicationPad2d<(1,0,2,3)>", ChannelsLast(nn.ReplicationPad2d((1, 0, 2, 3))), [[2, 3, 2]]),
    ("Overlap<1>", Overlap(1), [[4, 3]]),
    ("Overlap<7>", Overlap(7), [[4, 3], [2, 2]]),
    ("Overlap<3>", Overlap(3), [[4, 2, 3]]),
]


class Global(nn.Module):
    """As ChannelsLast; what comes out has no places."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x.movedim(-1, 1))


def cases():
    layers = [(layer, ChannelsLast(module), shapes) for layer, module, shapes in LAYERS]
    layers += [(layer, Global(module), [shape]) for layer, module, shape in GLOBAL]
    layers += LATER
    for seed, (layer, module, shapes) in enumerate(layers, 1800):
        gen = generator(seed)
        kind = re.match(r"\w+", layer).group()
        exact = "Max" in layer or layer.startswith(("ZeroPad", "Upsample<", "Re", "Overlap"))
        for shape in shapes:
            x = grid(gen, 2, *shape, step=1 / 2 if exact else 1 / 64)
            name = f"{layer}_{'x'.join(map(str, shape))}"
            case = layer_case(name, kind, module, x, lambda *s: grid(gen, *s, step=1 / 16), exact)
            yield {"layer": layer} | case


if __name__ == "__main__":
    write("pool.json", list(cases()))
