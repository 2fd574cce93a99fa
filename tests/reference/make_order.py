#!/usr/bin/env python3
"""Networks whose flattened features lie in another order in PyTorch, and what
PyTorch computes with them, for tests/files/weights_order.rs.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_order.py

With two numbers it makes other random networks: a seed, and how many. It writes order.rs, the networks, and order.json, for each of them the shapes of
its tensors and its outputs; both next to itself. The networks that are written
out below have one layer or block each behind a Flatten, the others are random.
Where a network has layers that work along the last axis, and PyTorch's model has
moved it, a file may not tell whether it moved it back: "refused" says so.

Numbers of weights and inputs are not in the file: both sides make them, see
numbers(). Inputs and outputs that are images or sequences have their channels
last in the file.
"""

import functools
import json
import math
import random
import sys
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

from make_reference import kept

HERE = Path(__file__).parent


def numbers(count, seed, low=-0.5):
    """The same numbers as in the test: f32 numbers from low to low + 1."""
    place = torch.arange(count, dtype=torch.int64)
    return ((place * 7919 + seed * 104729 + 17) % 2003).to(torch.float32) / 2003 + low


# Modules. Images are [batch, channels, height, width], sequences
# [batch, channels, length], or [batch, length, features] where no layer works
# on their channels.


class Function(nn.Module):
    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


class OnChannels(nn.Module):
    """A module for the last axis on what has its channels first."""

    def __new__(cls, module):
        class Moved(type(module)):
            def forward(self, x):
                return super().forward(x.movedim(1, -1)).movedim(-1, 1)

        module.__class__ = Moved
        return module


class Axes:
    """An image or a sequence whose channels are last or first."""

    # Whether channels stay last behind a layer along the last axis, and before a block that begins with one, or are
    # moved back.
    stay, before = False, False

    def __init__(self, x, last=False):
        self.x, self.last = x, last

    def first(self):
        return self.x.movedim(-1, 1) if self.last else self.x

    def __add__(self, other):
        if self.last or other.last:
            return Axes(self.first().movedim(1, -1) + other.first().movedim(1, -1), True)
        return Axes(self.x + other.x)


def moving(kind, module):
    """A module for Axes: it "keeps" places, takes "channels", works along the "last" axis, is a "view" or ends them."""

    class Moving(type(module)):
        def forward(self, axes):
            compute = super().forward
            if kind == "keeps":
                return Axes(compute(axes.x), axes.last)
            if kind == "channels":
                return Axes(compute(axes.first()))
            if kind == "last":
                y = compute(axes.first().movedim(1, -1))
                return Axes(y, True) if Axes.stay else Axes(y.movedim(-1, 1))
            if kind == "view":
                return Axes(axes.x.flatten(1, 2) if axes.last else axes.x.flatten(2), axes.last)
            return compute(axes.first() if kind == "pool" else axes.x)

    module.__class__, module.kind = Moving, kind
    return module


class Residual(nn.Sequential):
    def __init__(self, layers, shortcut=None):
        super().__init__(layers)
        self.count = len(layers)
        if shortcut is not None:
            self.add_module(shortcut[0], shortcut[1])

    def forward(self, x):
        modules = list(self.children())
        kinds = [getattr(module, "kind", "keeps") for module in modules]
        if Axes.before and [kind for kind in kinds if kind != "keeps"][:1] == ["last"]:
            x = Axes(x.first().movedim(1, -1), True)
        y = x
        for module in modules[: self.count]:
            y = module(y)
        return y + (modules[self.count](x) if len(modules) > self.count else x)


class Concat(nn.Module):
    def __init__(self, branches):
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.children()], dim=1)


class Split(Concat):
    def forward(self, x):
        return tuple(branch(x) for branch in self.children())


class Wired(nn.Module):
    """A list whose layers read outputs by name; those that name none read the output before them."""

    def __init__(self, items, inputs=("input",), outputs=()):
        super().__init__()
        self.inputs, self.outputs, self.steps = inputs, outputs, []
        for index, item in enumerate(items):
            if isinstance(item.module, nn.Module):
                self.add_module(item.key(index), item.module)
            self.steps.append((item.name, item.reads, item.module))

    def moves(self, name):
        """Whether channels are moved last before an output is shared, as a reader works along the last axis."""
        kinds = [getattr(module, "kind", "keeps") for _, reads, module in self.steps if name in reads]
        return Axes.before and len(kinds) > 1 and "last" in kinds

    def put(self, outputs, name, y):
        if isinstance(y, Axes) and self.moves(name):
            y = Axes(y.first().movedim(1, -1), True)
        outputs[name] = y
        return y

    def forward(self, x):
        outputs, y = {}, x
        for name, part in zip(self.inputs, x if isinstance(x, tuple) else [x]):
            y = self.put(outputs, name, part)
        for name, reads, module in self.steps:
            given = [outputs[source] for source in reads] or [y]
            y = module(*given)
            if name:
                y = self.put(outputs, name, y)
        return tuple(outputs[name] for name in self.outputs) or y


def product(a, b):
    if isinstance(a, Axes):
        return Axes(a.first() * b.first()) if not (a.last or b.last) else Axes(
            a.first().movedim(1, -1) * b.first().movedim(1, -1), True)
    return a * b


def side_by_side(*xs):
    if not isinstance(xs[0], Axes):
        return torch.cat(xs, 1)
    if any(x.last for x in xs):
        return Axes(torch.cat([x.first().movedim(1, -1) for x in xs], -1), True)
    return Axes(torch.cat([x.x for x in xs], 1))


def each(module):
    return Function(lambda parts: tuple(module(part) for part in parts))


# What is written in Rust, and the module.


class L:
    """A layer: its name or None, as it is written in Rust, and its module."""

    def __init__(self, rust, module, name=None):
        self.rust, self.module, self.name, self.reads = rust, module, name, ()

    def reading(self, *names):
        self.reads = names
        return self

    def key(self, index):
        return self.name or str(index)

    def text(self):
        text = f"{self.name}: {self.rust}" if self.name else self.rust
        if not self.reads:
            return text
        return f"{text} <- " + (self.reads[0] if len(self.reads) == 1 else f"({', '.join(self.reads)})")


def layers_of(items):
    return OrderedDict((item.key(index), item.module) for index, item in enumerate(items))


def text_of(items):
    return ", ".join(item.text() for item in items)


def residual(*items, shortcut=None, name=None):
    text, own = text_of(items), None
    if shortcut is not None:
        text += ", shortcut: { " + text_of(shortcut) + " }"
        own = ("shortcut", nn.Sequential(layers_of(shortcut)))
    return L(f"Residual {{ {text} }}", Residual(layers_of(items), own), name)


def branches(**lists):
    text = ", ".join(f"{name}: {{ {text_of(items)} }}" for name, items in lists.items())
    return text, OrderedDict((name, nn.Sequential(layers_of(items))) for name, items in lists.items())


def concat(name=None, **lists):
    text, modules = branches(**lists)
    return L(f"Concat {{ {text} }}", Concat(modules), name)


def split(name=None, **lists):
    text, modules = branches(**lists)
    return L(f"Split {{ {text} }}", Split(modules), name)


def repeat(count, make, name=None):
    lists = [make() for _ in range(count)]
    module = nn.Sequential(*[nn.Sequential(layers_of(items)) for items in lists])
    return L(f"Repeat<{count}> {{ {text_of(lists[0])} }}", module, name)


STRUCTS = []


def nested(name, input, output, *items, field=None):
    STRUCTS.append(f"network! {{ struct {name}: {list(input)} -> {list(output)} {{ {text_of(items)} }} }}")
    return L(name, nn.Sequential(layers_of(items)), field)


def wired(name, input, output, *items, field=None):
    STRUCTS.append(f"network! {{ struct {name}: {list(input)} -> {list(output)} {{ {text_of(items)} }} }}")
    return L(name, Wired(items), field)


def add(*reads, name=None):
    return L("Add", lambda first, *others: sum(others, first), name).reading(*reads)


def mul(*reads, name=None):
    return L("Mul", lambda first, *others: functools.reduce(product, others, first), name).reading(*reads)


def cat(*reads, name=None):
    return L("Concat", side_by_side, name).reading(*reads)


def linear(i, o, name="fc"):
    return L(f"Linear<_, {o}>", nn.Linear(i, o), name)


def conv(i=4, o=6):
    return L(f"Conv2d<_, {o}, 1>", nn.Conv2d(i, o, 1), "conv")


def flatten():
    return L("Flatten", nn.Flatten())


def reshape(h, w, c):
    return L(f"Reshape<{h}, {w}, {c}>", nn.Unflatten(1, (c, h, w)))


def tanh():
    return L("Tanh", nn.Tanh())


def keeps(features):
    """Layers that keep features in their places."""
    n = features
    return {
        "Relu": nn.ReLU(),
        "Relu6": nn.ReLU6(),
        "LeakyRelu(0.2)": nn.LeakyReLU(0.2),
        "PRelu": nn.PReLU(),
        "PRelu<_>": nn.PReLU(n),
        "Elu": nn.ELU(),
        "Selu": nn.SELU(),
        "Celu(0.5)": nn.CELU(0.5),
        "Gelu": nn.GELU(),
        "GeluTanh": nn.GELU("tanh"),
        "Silu": nn.SiLU(),
        "Mish": nn.Mish(),
        "Softplus": nn.Softplus(),
        "Softsign": nn.Softsign(),
        "Tanh": nn.Tanh(),
        "HardTanh": nn.Hardtanh(),
        "Sigmoid": nn.Sigmoid(),
        "LogSigmoid": nn.LogSigmoid(),
        "HardSigmoid": nn.Hardsigmoid(),
        "HardSwish": nn.Hardswish(),
        "Softmax": nn.Softmax(-1),
        "LogSoftmax": nn.LogSoftmax(-1),
        "Dropout": nn.Dropout(),
        "LayerNorm": nn.LayerNorm(n),
        "LayerNorm<_, NoBias>": nn.LayerNorm(n, bias=False),
        "RmsNorm(1e-5)": nn.RMSNorm(n, eps=1e-5),
        "GroupNorm<1, _>": nn.GroupNorm(1, n),
        "BatchNorm1d<_>": nn.BatchNorm1d(n),
        "BatchNorm1d<_, NoAffine>": nn.BatchNorm1d(n, affine=False),
    }


class Cases:
    def __init__(self):
        self.cases, self.rust, self.names = [], [], []

    def add(self, name, input, output, *items, state="image", whole=None, refused="no"):
        """`state`: "image", "channels" or "features", how PyTorch has the input; `whole` are whole numbers below it.

        `refused`: "no"; "back", as the axes might not have been moved back, but were; "stay", as they were not;
        "maybe", which is "no" or "back"; "if different": "back" if that matters. The last is for modules of Axes.
        """
        struct = "".join(word.capitalize() for word in name.split("_"))
        module = nn.Sequential(layers_of(items)).eval()
        tensors = OrderedDict(sorted(module.state_dict().items()))
        for seed, (key, tensor) in enumerate(tensors.items()):
            low = 0.5 if key.endswith("running_var") else -0.5
            tensor.copy_(numbers(tensor.numel(), seed, low).reshape(tensor.shape))
            if key.endswith("num_batches_tracked"):
                tensor.zero_()
        count = 2
        for size in input:
            count *= size
        x = numbers(count, 999).reshape(2, *input) * 4
        if whole is not None:
            x = (torch.arange(count) % whole).reshape(2, *input)
        x = x if state == "features" else x.movedim(-1, 1)
        with torch.no_grad():
            if refused == "if different":
                # What is the same, whether axes are moved back or not, must load.
                y, Axes.stay = module(Axes(x)), True
                stays, Axes.before = [module(Axes(x))], True
                stays.append(module(Axes(x)))
                Axes.stay = Axes.before = False
                apart = max((y - stay).abs().max() for stay in stays)
                assert apart < 1e-5 or apart > 1e-3, name
                refused = "no" if apart < 1e-5 else "back"
            else:
                y = module(x)
        y = y.movedim(1, -1) if len(output) == 3 or (len(output) == 2 and state == "channels") else y
        assert list(y.shape) == [2, *output], (name, y.shape)
        assert torch.isfinite(y).all() and y.abs().max() < 1e4, name
        shapes = {key: list(tensor.shape) for key, tensor in tensors.items()}
        case = {"name": name, "tensors": shapes, "y": [float(f"{v:.8g}") for v in y.flatten().tolist()]}
        if whole is not None:
            case["whole"] = whole
        if refused != "no":
            case["refused"] = refused
        self.cases.append(case)
        self.rust.append(
            f"network! {{ struct {struct}: {list(input)} -> {list(output)} {{ {text_of(items)} }} }}"
        )
        self.names.append((struct, name))

    def add_wired(self, name, inputs, outputs, *items, state="features", refused="no"):
        """Like `add`, for a list with names; `inputs` and `outputs` are a shape, or a dictionary of shapes.

        `refused`: "no"; "sound": the file may be refused, but must not give other outputs; "yes"; "if different": "yes"
        if moved axes matter, "sound" otherwise.
        """
        struct = "".join(word.capitalize() for word in name.split("_"))
        ends = lambda shapes: list(shapes.values()) if isinstance(shapes, dict) else [shapes]
        names = lambda shapes, otherwise: tuple(shapes) if isinstance(shapes, dict) else otherwise
        module = Wired(items, names(inputs, ("input",)), names(outputs, ())).eval()
        tensors = OrderedDict(sorted(module.state_dict().items()))
        for seed, (key, tensor) in enumerate(tensors.items()):
            low = 0.5 if key.endswith("running_var") else -0.5
            tensor.copy_(numbers(tensor.numel(), seed, low).reshape(tensor.shape))
            if key.endswith("num_batches_tracked"):
                tensor.zero_()

        is_moved = lambda shape: len(shape) == 3 or len(shape) == 2 and state == "channels"
        lens = [math.prod(shape) for shape in ends(inputs)]
        x = (numbers(2 * sum(lens), 999) * 4).reshape(2, -1).split(lens, 1)
        x = [part.reshape(2, *shape) for part, shape in zip(x, ends(inputs))]
        x = [part.movedim(-1, 1) if is_moved(shape) else part for part, shape in zip(x, ends(inputs))]

        def compute(wrap=lambda part: part):
            given = [wrap(part) if part.dim() > 2 else part for part in x]
            y = module(tuple(given) if isinstance(inputs, dict) else given[0])
            y = [part.first() if isinstance(part, Axes) else part for part in (y if isinstance(y, tuple) else (y,))]
            y = [part.movedim(1, -1) if is_moved(shape) else part for part, shape in zip(y, ends(outputs))]
            for part, shape in zip(y, ends(outputs)):
                assert list(part.shape) == [2, *shape], (name, part.shape)
            return torch.cat([part.flatten(1) for part in y], 1)

        with torch.no_grad():
            if refused == "if different":
                y, Axes.stay = compute(Axes), True
                others = [compute(Axes)]
                Axes.before = True
                others.append(compute(Axes))
                Axes.stay = False
                others.append(compute(Axes))
                Axes.before = False
                apart = max((y - other).abs().max() for other in others)
                assert apart < 1e-5 or apart > 1e-3, (name, apart)
                refused = "sound" if apart < 1e-5 else "yes"
            else:
                y = compute()
        assert torch.isfinite(y).all() and y.abs().max() < 1e4, name
        shapes = {key: list(tensor.shape) for key, tensor in tensors.items()}
        case = {"name": name, "tensors": shapes, "y": [float(f"{v:.8g}") for v in y.flatten().tolist()]}
        if refused != "no":
            case["refused"] = refused
        self.cases.append(case)

        def text(shapes):
            if not isinstance(shapes, dict):
                return str(list(shapes))
            return "(" + ", ".join(f"{name}: {list(shape)}" for name, shape in shapes.items()) + ")"

        self.rust.append(
            f"network! {{ struct {struct}: {text(inputs)} -> {text(outputs)} {{ {text_of(items)} }} }}"
        )
        self.names.append((struct, name))

    def write(self):
        cases = ",\n".join(json.dumps(case) for case in kept("order.json", self.cases))
        text = f'{{"torch": "{torch.__version__}", "cases": [\n{cases}\n]}}\n'
        (HERE / "order.json").write_text(text)
        lines = ["// Written by make_order.py: networks whose features lie in another order in PyTorch.", ""]
        lines += STRUCTS + self.rust + ["", "/// Calls with each network and its name in order.json."]
        lines += ["macro_rules! every_network {", "    ($check:ident) => {"]
        lines += [f'        $check!({struct}, "{name}");' for struct, name in self.names]
        lines += ["    };", "}", ""]
        (HERE / "order.rs").write_text("\n".join(lines))


def behind_flatten(cases):
    """One layer or block behind a convolution and a Flatten: 2 by 3 pixels of 6 channels."""
    image, head = [2, 3, 4], lambda n=36: linear(n, 3, "head")
    begin = lambda: (conv(), flatten())
    cases.add("repeat", image, [3], *begin(), repeat(2, lambda: [linear(36, 36), tanh()]), head())
    cases.add("residual", image, [3], *begin(), residual(linear(36, 36), tanh()), head())
    cases.add("concat", image, [3], *begin(), concat(skip=[], fc=[linear(36, 4, None)]), head(40))
    cases.add("concat_behind", image, [3], *begin(), concat(fc=[linear(36, 4, None)], skip=[tanh()]), head(40))
    cases.add(
        "concat_single", image, [3], *begin(),
        L("Concat { fc: Linear<_, 4>, Tanh }", Concat(OrderedDict([("fc", nn.Linear(36, 4)), ("1", nn.Tanh())])), "both"),
        head(40),
    )
    cases.add("nested", image, [3], *begin(), nested("Dense", [36], [36], linear(36, 36), tanh(), field="inner"), head())
    cases.add(
        "nested_keeps", image, [3], *begin(),
        nested("Slopes", [36], [36], tanh(), L("PRelu<_>", nn.PReLU(36), "slopes"), field="inner"), head(),
    )
    cases.add("nested_flatten", image, [3], conv(), nested("Flat", [2, 3, 6], [36], tanh(), flatten()), head())
    cases.add(
        "nested_twice", image, [3], conv(),
        nested("Outer", [2, 3, 6], [36], nested("Within", [2, 3, 6], [36], flatten(), tanh(), field="inner"),
               residual(linear(36, 36)), field="outer"),
        head(),
    )
    cases.add(
        "branch_flatten", image, [3], conv(),
        concat(a=[flatten()], b=[flatten(), linear(36, 4)], c=[L("GlobalAvgPool2d", Function(lambda x: x.mean((2, 3))))]),
        head(46),
    )
    cases.add("projected", image, [3], *begin(), residual(linear(36, 36), tanh(), shortcut=[]), head())
    cases.add("both_made", image, [3], *begin(), residual(linear(36, 5), shortcut=[linear(36, 5)]), head(5))
    cases.add(
        "one_kept", image, [3], *begin(),
        residual(linear(36, 36), tanh(), shortcut=[L("PRelu<_>", nn.PReLU(36))]), head(),
    )
    cases.add("residual_of_two", image, [3], *begin(), residual(linear(36, 7, "a"), tanh(), linear(7, 36, "b")), head())
    cases.add("repeat_residual", image, [3], *begin(), repeat(3, lambda: [residual(linear(36, 36), tanh(), name="r")]), head())
    cases.add("repeat_keeps", image, [3], *begin(), repeat(2, lambda: [L("PRelu<_>", nn.PReLU(36)), tanh()]), head())
    cases.add(
        "split", image, [3], *begin(), split(a=[], b=[linear(36, 4)]), L("Tanh", each(nn.Tanh())),
        L("Flatten", Function(lambda parts: torch.cat([part.flatten(1) for part in parts], 1))), head(40),
    )
    cases.add(
        "split_images", image, [3], conv(), split(a=[], b=[L("MaxPool2d<2>", nn.MaxPool2d(2))]), L("Gelu", each(nn.GELU())),
        L("Flatten", Function(lambda parts: torch.cat([part.flatten(1) for part in parts], 1))), head(42),
    )
    for index, (rust, module) in enumerate(keeps(12).items()):
        cases.add(f"kept_{index}", [2, 2, 3], [1], flatten(), L(rust, module), linear(12, 1, "head"))


def made_images(cases):
    """Images and sequences that a Reshape makes of features: what makes those has its outputs in PyTorch's order."""
    end = lambda: L("Conv2d<_, 2, 1>", nn.Conv2d(6, 2, 1), "conv")
    cases.add("decoder", [5], [2, 3, 2], linear(5, 36), tanh(), reshape(2, 3, 6), end(), state="features")
    cases.add("decoder_alone", [5], [2, 3, 6], linear(5, 36), reshape(2, 3, 6), state="features")
    cases.add(
        "decoder_norm", [5], [2, 3, 2], linear(5, 36), L("BatchNorm1d<_>", nn.BatchNorm1d(36)),
        L("PRelu<_>", nn.PReLU(36)), reshape(2, 3, 6), end(), state="features",
    )
    cases.add(
        "decoder_residual", [5], [2, 3, 2], linear(5, 36), residual(linear(36, 36), tanh()), reshape(2, 3, 6), end(),
        state="features",
    )
    cases.add(
        "decoder_repeat", [36], [2, 3, 2], repeat(2, lambda: [linear(36, 36), tanh()]), reshape(2, 3, 6), end(),
        state="features",
    )
    cases.add(
        "decoder_nested", [5], [2, 3, 2], nested("Makes", [5], [36], linear(5, 36), tanh()),
        nested("Image", [36], [2, 3, 2], reshape(2, 3, 6), end()), state="features",
    )
    cases.add(
        "decoder_sum", [5], [2, 3, 2], residual(linear(5, 36), tanh(), shortcut=[linear(5, 36)]), reshape(2, 3, 6), end(),
        state="features",
    )
    cases.add(
        "decoder_parts", [5], [2, 3, 2], linear(5, 8),
        concat(a=[linear(8, 12), reshape(2, 3, 2)], b=[linear(8, 24), tanh(), reshape(2, 3, 4)]), end(),
        state="features",
    )
    cases.add(
        "autoencoder", [2, 3, 4], [2, 3, 2], conv(), flatten(), linear(36, 5, "encode"), tanh(), linear(5, 36, "decode"),
        reshape(2, 3, 6), L("Conv2d<_, 2, 1>", nn.Conv2d(6, 2, 1), "last"),
    )
    cases.add(
        "back_to_images", [2, 3, 4], [2, 3, 2], conv(), flatten(), tanh(), reshape(2, 3, 6),
        L("Conv2d<_, 2, 1>", nn.Conv2d(6, 2, 1), "last"),
    )
    cases.add(
        "made_sequence", [5], [3], linear(5, 20), L("Reshape<5, 4>", nn.Unflatten(1, (4, 5))),
        L("Conv1d<_, 2, 2>", nn.Conv1d(4, 2, 2), "conv"), flatten(), linear(8, 3, "head"), state="features",
    )
    cases.add(
        "made_rows", [5], [3], linear(5, 20), L("Reshape<5, 4>", nn.Unflatten(1, (5, 4))), linear(4, 2, "each"),
        flatten(), linear(10, 3, "head"), state="features",
    )
    squeeze = lambda: [
        L("GlobalAvgPool2d", Function(lambda x: x.mean((2, 3)))), L("Reshape<1, 1, 6>", nn.Unflatten(1, (6, 1, 1))),
        L("Conv2d<_, 6, 1>", nn.Conv2d(6, 6, 1), "squeeze"), L("Upsample<(2, 3)>", nn.Upsample(scale_factor=(2, 3))),
    ]
    cases.add("squeezed", [2, 3, 4], [3], conv(), residual(*squeeze()), flatten(), linear(36, 3, "head"))


def with_axes(cases):
    """Layers of images and sequences before a Flatten."""
    images = {
        "MaxPool2d<2, Stride<1>>": nn.MaxPool2d(2, 1),
        "AvgPool2d<2, Stride<1>>": nn.AvgPool2d(2, 1),
        "AdaptiveMaxPool2d<2>": nn.AdaptiveMaxPool2d(2),
        "AdaptiveAvgPool2d<(2, 2)>": nn.AdaptiveAvgPool2d(2),
        "ZeroPad2d<(1, 0, 0, 1)>": nn.ZeroPad2d((1, 0, 0, 1)),
        "Upsample<2>": nn.Upsample(scale_factor=2),
        "UpsampleBilinear<2>": nn.Upsample(scale_factor=2, mode="bilinear"),
        "InstanceNorm2d<_, Affine>": nn.InstanceNorm2d(4, affine=True),
        "GroupNorm<2, _>": nn.GroupNorm(2, 4),
        "BatchNorm2d<_>": nn.BatchNorm2d(4),
        "Dropout2d": nn.Dropout2d(),
        "PRelu<_>": nn.PReLU(4),
        "LayerNorm<_, _, _>": nn.LayerNorm([4, 2, 3]),
        "RmsNorm<_, _, _>(1e-5)": nn.RMSNorm([4, 2, 3], eps=1e-5),
        "LayerNorm": OnChannels(nn.LayerNorm(4)),
        "Softmax": nn.Softmax(1),
        "Glu": nn.GLU(1),
        "Linear<_, 2>": OnChannels(nn.Linear(4, 2)),
        "ConvTranspose2d<_, 3, 2>": nn.ConvTranspose2d(4, 3, 2),
    }
    for index, (rust, module) in enumerate(images.items()):
        features = module.eval()(torch.zeros(1, 4, 2, 3)).numel()
        along_last = rust in ("LayerNorm", "Softmax", "Glu", "Linear<_, 2>")
        items = L(rust, module), flatten(), linear(features, 2, "head")
        cases.add(f"image_{index}", [2, 3, 4], [2], *items, refused="back" if along_last else "no")
    channels = {
        "GroupNorm<2, _>": nn.GroupNorm(2, 4),
        "PRelu<_>": nn.PReLU(4),
        "BatchNorm1d<_>": nn.BatchNorm1d(4),
        "LayerNorm<_, _>": nn.LayerNorm([4, 5]),
        "RmsNorm<_, _>(1e-5)": nn.RMSNorm([4, 5], eps=1e-5),
        "Conv1d<_, 3, 2>": nn.Conv1d(4, 3, 2),
        "MaxPool1d<2>": nn.MaxPool1d(2),
        "AvgPool1d<2>": nn.AvgPool1d(2),
        "AdaptiveMaxPool1d<3>": nn.AdaptiveMaxPool1d(3),
        "AdaptiveAvgPool1d<3>": nn.AdaptiveAvgPool1d(3),
    }
    for index, (rust, module) in enumerate(channels.items()):
        features = module.eval()(torch.zeros(1, 4, 5)).numel()
        items = L(rust, module), tanh(), flatten(), linear(features, 2, "head")
        cases.add(f"channels_{index}", [5, 4], [2], *items, state="channels")
    rows = {
        "Tanh": nn.Tanh(), "LayerNorm": nn.LayerNorm(4), "Softmax": nn.Softmax(-1), "Glu": nn.GLU(-1),
        "Linear<_, 3>": nn.Linear(4, 3), "PRelu": nn.PReLU(),
    }
    for index, (rust, module) in enumerate(rows.items()):
        features = module.eval()(torch.zeros(1, 5, 4)).numel()
        items = L(rust, module), flatten(), linear(features, 2, "head")
        cases.add(f"rows_{index}", [5, 4], [2], *items, state="features")
    cases.add(
        "beside_channels", [5, 4], [2],
        concat(a=[flatten()], b=[L("Conv1d<_, 2, 2>", nn.Conv1d(4, 2, 2), "conv"), flatten()]), linear(28, 2, "head"),
        state="channels",
    )
    embedding = lambda: L("Embedding<7, 4>", nn.Embedding(7, 4), "embed")
    cases.add("embedded", [3], [2], embedding(), flatten(), linear(12, 2, "head"), state="features", whole=7)
    cases.add("embedded_rows", [2, 3], [2], embedding(), flatten(), linear(24, 2, "head"), state="features", whole=7)


def moved_axes(cases):
    """Layers that work along the last axis of what has its channels first."""
    image, head = [2, 3, 4], lambda n: linear(n, 3, "head")
    stem = lambda: L("Conv2d<_, 4, 1>", nn.Conv2d(4, 4, 1), "conv")
    tokens = lambda: L("Reshape<6, 4>", Function(lambda x: x.flatten(2).transpose(1, 2)))
    norm = lambda: L("LayerNorm", nn.LayerNorm(4), "norm")
    mean = lambda: L("GlobalAvgPool1d", Function(lambda x: x.mean(1)))
    back = lambda: L("Flatten", Function(lambda x: x.transpose(1, 2).flatten(1)))
    mlp = lambda wrap=lambda module: module: [
        L("LayerNorm", wrap(nn.LayerNorm(4)), "norm"), L("Linear<_, 8>", wrap(nn.Linear(4, 8)), "up"),
        L("Gelu", nn.GELU()), L("Linear<_, 4>", wrap(nn.Linear(8, 4)), "down"),
    ]

    class OfTokens(nn.Conv1d):
        def forward(self, x):
            return super().forward(x.transpose(1, 2))

    # Averages over all tokens, and layers that take channels, leave nothing open.
    begin = lambda: (stem(), tokens(), norm(), linear(4, 5))
    cases.add("tokens_mean", image, [3], *begin(), mean(), head(5))
    cases.add("tokens_conv", image, [3], *begin(), L("Conv1d<_, 3, 2>", OfTokens(5, 3, 2), "last"), flatten(), head(15))
    cases.add("tokens_blocks", image, [3], stem(), tokens(), residual(*mlp()), repeat(2, lambda: [residual(*mlp())]), mean(), head(4))
    cases.add(
        "blocks_back", image, [3], stem(), residual(*mlp(OnChannels)), L("BatchNorm2d<_>", nn.BatchNorm2d(4)), flatten(),
        head(24),
    )
    cases.add(
        "blocks_pooled", image, [3], residual(*mlp(OnChannels)), L("GlobalAvgPool2d", Function(lambda x: x.mean((2, 3)))),
        head(4),
    )
    embedding = lambda: L("Embedding<7, 4>", nn.Embedding(7, 4), "embed")
    cases.add("words", [3], [3], embedding(), residual(*mlp()), flatten(), head(12), state="features", whole=7)
    cases.add(
        "words_conv", [3], [3], embedding(), norm(), L("Conv1d<_, 3, 2>", OfTokens(4, 3, 2), "last"), flatten(), head(6),
        state="features", whole=7,
    )
    cases.add(
        "single_channels", [5], [3],
        concat(a=[linear(5, 6), reshape(2, 3, 1)], b=[linear(5, 6), tanh(), reshape(2, 3, 1)]), flatten(), head(12),
        state="features",
    )

    # The same files, two results.
    cases.add("tokens_back", image, [3], *begin(), back(), head(30), refused="back")
    cases.add("tokens_stay", image, [3], *begin(), flatten(), head(30), refused="stay")
    cases.add("blocks_moved_back", image, [3], stem(), tokens(), residual(*mlp()), back(), head(24), refused="back")
    cases.add("blocks_stay", image, [3], stem(), tokens(), residual(*mlp()), flatten(), head(24), refused="stay")
    cases.add(
        "shared_features", image, [3], stem(), flatten(), L("Reshape<6, 4>", nn.Unflatten(1, (6, 4))), linear(4, 2),
        flatten(), head(12), refused="stay",
    )


def chosen_and_swapped_axes(cases):
    """Layers that choose a position of a sequence, or swap its axes."""
    head = lambda n: linear(n, 2, "head")
    conv1d = lambda i, o: L(f"Conv1d<_, {o}, 2>", nn.Conv1d(i, o, 2), "conv")
    embedding = lambda: L("Embedding<7, 4>", nn.Embedding(7, 4), "embed")
    last = lambda: L("SelectLast", Function(lambda x: x[:, -1]))
    last_channels = lambda: L("SelectLast", Function(lambda x: x[..., -1]))
    swap = lambda: L("Transpose", Function(lambda x: x.transpose(1, 2)))
    # The axes are in PyTorch as they are wanted here.
    swapped = lambda: L("Transpose", nn.Identity())

    cases.add("last_of_rows", [5, 4], [2], linear(4, 3), last(), head(3), state="features")
    cases.add("last_of_channels", [5, 4], [2], conv1d(4, 3), tanh(), last_channels(), head(3), state="channels")
    cases.add("last_of_words", [3], [2], embedding(), last(), head(4), state="features", whole=7)
    cases.add("last_of_swapped", [5, 4], [2], linear(4, 3), swap(), last(), head(5), state="features")

    mixer = lambda: residual(linear(4, 4, "a"), swap(), linear(5, 5, "b"), tanh(), swap())
    cases.add("swapped_twice", [5, 4], [2], mixer(), flatten(), head(20), state="features")
    cases.add("swapped_words", [3], [2], embedding(), swap(), flatten(), head(12), state="features", whole=7)
    cases.add("swapped_for_conv", [5, 4], [2], swapped(), conv1d(5, 3), flatten(), head(9), state="features")
    cases.add("swapped_rows_for_conv", [5, 4], [2], linear(4, 3), swapped(), conv1d(5, 6), flatten(), head(12), state="features")
    cases.add("swapped_channels", [5, 4], [2], conv1d(4, 3), swapped(), linear(4, 6), last(), head(6), state="channels")
    cases.add(
        "swapped_made_rows", [5], [2], linear(5, 12, "make"), L("Reshape<3, 4>", nn.Unflatten(1, (3, 4))), swap(), flatten(),
        head(12), state="features",
    )

    # The same files, two results.
    begin = lambda: (conv1d(4, 3), swapped(), linear(4, 6))
    back = lambda: L("Flatten", Function(lambda x: x.transpose(1, 2).flatten(1)))
    cases.add("swapped_channels_back", [5, 4], [2], *begin(), back(), head(18), state="channels", refused="back")
    cases.add("swapped_channels_stay", [5, 4], [2], *begin(), flatten(), head(18), state="channels", refused="stay")


def wired_lists(cases):
    """Lists whose layers read outputs by name."""
    image = [2, 3, 4]
    relu = lambda name=None: L("Relu", nn.ReLU(), name)
    conv_of = lambda i, o, name: L(f"Conv2d<_, {o}, 1>", nn.Conv2d(i, o, 1), name)
    flat = lambda name="flat": L("Flatten", nn.Flatten(), name)
    act = lambda name: L("Tanh", nn.Tanh(), name)
    head = lambda n: linear(n, 3, "head")
    mean = lambda name=None: L("GlobalAvgPool2d", Function(lambda x: x.mean((2, 3))), name)

    cases.add_wired(
        "wired_unet", [4, 4, 3], [3], conv_of(3, 4, "enc"), relu("act"), L("MaxPool2d<2>", nn.MaxPool2d(2)),
        conv_of(4, 5, "mid"), tanh(), L("Upsample<2>", nn.Upsample(scale_factor=2), "up"), cat("up", "act"),
        conv_of(9, 2, "last"), flatten(), head(32),
    )
    cases.add_wired(
        "wired_unet_image", [4, 4, 3], [4, 4, 2], conv_of(3, 4, "enc"), relu("act"), L("MaxPool2d<2>", nn.MaxPool2d(2)),
        conv_of(4, 5, "mid"), L("Upsample<2>", nn.Upsample(scale_factor=2), "up"), cat("act", "up"),
        conv_of(9, 2, "last"),
    )
    # Around and behind a Flatten.
    cases.add_wired(
        "wired_skip", image, [3], conv(), flat(), linear(36, 36), act("act"), add("act", "flat"), head(36),
    )
    residual = lambda i, before: (linear(36, 8, f"down{i}"), relu(), linear(8, 36, f"up{i}"), add(f"up{i}", before, name=f"sum{i}"))
    cases.add_wired(
        "wired_residuals", image, [3], conv(), flat(), *residual(0, "flat"), *residual(1, "sum0"), *residual(2, "sum1"),
        L("PRelu<_>", nn.PReLU(36)), L("BatchNorm1d<_>", nn.BatchNorm1d(36)), head(36),
    )
    cases.add_wired(
        "wired_gate", image, [3], conv(), flat(), linear(36, 36), L("Sigmoid", nn.Sigmoid(), "gate"),
        mul("gate", "flat"), head(36),
    )
    cases.add_wired(
        "wired_concat", image, [3], conv(), flat(), linear(36, 5), act("act"), mean("mean").reading("conv"),
        cat("mean", "flat", "act"), L("LayerNorm", nn.LayerNorm(47)), head(47),
    )
    cases.add_wired(
        "wired_flattened_twice", image, [3], conv(), flat("a"), L("PRelu<_>", nn.PReLU(36), "slopes"),
        flat("b").reading("conv"), cat("slopes", "b"), head(72),
    )
    cases.add_wired(
        "wired_squeeze", image, [3], conv(), mean(), linear(6, 6), L("Sigmoid", nn.Sigmoid()), reshape(1, 1, 6),
        L("Upsample<(2, 3)>", nn.Upsample(scale_factor=(2, 3)), "up"), mul("up", "conv"), flatten(), head(36),
    )
    # Several inputs and outputs.
    both = {"image": image, "vector": [5]}
    begin = lambda: (conv().reading("image"), relu(), flat())
    cases.add_wired("wired_vector", both, [3], *begin(), cat("flat", "vector"), head(41))
    cases.add_wired("wired_vector_first", both, [3], *begin(), cat("vector", "flat"), head(41))
    cases.add_wired(
        "wired_vector_added", both, [3], conv().reading("image"), flat(), linear(5, 36).reading("vector"),
        add("fc", "flat"), tanh(), head(36),
    )
    cases.add_wired(
        "wired_images", {"a": image, "b": [2, 3, 2]}, [3], cat("a", "b"), conv_of(6, 2, "conv"), flatten(), head(12),
    )
    cases.add_wired("wired_images_flat", {"a": image, "b": image}, [3], mul("a", "b"), flatten(), head(24))
    cases.add_wired(
        "wired_sequence", {"heard": [5, 4], "vector": [3]}, [3],
        L("Conv1d<_, 2, 2>", nn.Conv1d(4, 2, 2), "conv").reading("heard"), flat(), cat("flat", "vector"), head(11),
        state="channels",
    )
    cases.add_wired(
        "wired_rows", {"rows": [5, 4], "vector": [3]}, [3], linear(4, 2).reading("rows"), flat(), cat("vector", "flat"),
        head(13),
    )
    cases.add_wired(
        "wired_outputs", image, {"mask": [2, 3, 2], "kind": [3]}, conv(), relu("act"), conv_of(6, 2, "mask"),
        flatten().reading("act"), linear(36, 3, "kind"),
    )
    cases.add_wired(
        "wired_ends", both, {"picture": [2, 3, 2], "kind": [3]}, *begin(), cat("flat", "vector", name="code"),
        linear(41, 12), L("Reshape<2, 3, 2>", nn.Unflatten(1, (2, 2, 3)), "picture"), linear(41, 3, "kind").reading("code"),
    )
    # Features of which an image is made.
    cases.add_wired(
        "wired_decoder", {"code": [5], "label": [3]}, [2, 3, 2], cat("code", "label"), linear(8, 36), tanh(),
        reshape(2, 3, 6), conv_of(6, 2, "conv"),
    )
    cases.add_wired(
        "wired_decoder_sum", {"code": [5], "label": [3]}, [2, 3, 2], linear(5, 36, "a").reading("code"),
        linear(3, 36, "b").reading("label"), add("a", "b"), tanh(), reshape(2, 3, 6), conv_of(6, 2, "conv"),
    )
    cases.add_wired(
        "wired_autoencoder", image, [2, 3, 4], conv_of(4, 4, "enc"), flatten(), linear(24, 5, "code"), linear(5, 24),
        reshape(2, 3, 4), conv_of(4, 4, "dec"), add("dec", "enc"),
    )
    # Inside other lists.
    inner = lambda: wired("WiredInner", [36], [36], linear(36, 36), act("act"), add("act", "input"), field="inner")
    cases.add("wired_nested", image, [3], conv(), flatten(), inner(), head(36))
    branch = L("Concat { a: { fc: Linear<_, 36>, Add <- (fc, input) }, b: { Tanh } }", Concat(OrderedDict(
        a=Wired([linear(36, 36), add("fc", "input")]), b=nn.Sequential(nn.Tanh()))))
    cases.add("wired_branch", image, [3], conv(), flatten(), branch, head(72))
    decoder = lambda: wired(
        "WiredPicture", [36], [2, 3, 2], L("Reshape<2, 3, 6>", nn.Unflatten(1, (6, 2, 3)), "picture"),
        conv_of(6, 6, "conv"), add("conv", "picture"), conv_of(6, 2, "last"), field="decoder",
    )
    cases.add("wired_nested_decoder", [5], [2, 3, 2], linear(5, 36), decoder(), state="features")


def ends(cases):
    """Images that a network returns."""
    glu = lambda: L("Glu", nn.GLU())
    unflatten = lambda: reshape(2, 1, 2)
    cases.add("end_sigmoid", [5], [2, 1, 2], linear(5, 4), unflatten(), L("Sigmoid", nn.Sigmoid()), state="features")
    cases.add("end_residual", [5], [2, 1, 2], linear(5, 4), unflatten(), residual(L("Relu", nn.ReLU())), state="features")
    halves = lambda: concat(a=[linear(5, 2)], b=[linear(5, 2)])
    for name, items in {
        "halves": [halves(), unflatten()],
        "halves_sigmoid": [halves(), unflatten(), L("Sigmoid", nn.Sigmoid())],
        "glu": [linear(5, 8), glu(), unflatten()],
        "glu_residual": [linear(5, 8), glu(), unflatten(), residual(L("Relu", nn.ReLU()))],
        "groups": [linear(5, 4), L("GroupNorm<2, _>", nn.GroupNorm(2, 4)), unflatten()],
    }.items():
        cases.add(f"end_{name}", [5], [2, 1, 2], *items, state="features", refused="stay")
    half = concat(a=[glu()], b=[])
    cases.add("end_half", [5], [2, 3, 2], linear(5, 8), half, reshape(2, 3, 2), state="features", refused="stay")


class Random:
    """Random networks, from layers that PyTorch computes alike."""

    def __init__(self, seed):
        self.r, self.nets = random.Random(seed), 0
        # Whether the axes may have been moved, and something was flattened then.
        self.moved = self.asks = False

    def simple(self, n):
        rust, module = self.r.choice(list(keeps(n).items()))
        return [L(rust, module)]

    def on_features(self, n, depth, fixed=False):
        """Layers for n features; gives them and how many features come out, n if `fixed`."""
        kind = self.r.choice(["keeps", "keeps", "linear", "residual", "concat", "repeat", "nested"])
        if depth == 0 and kind not in ("keeps", "linear"):
            kind = "keeps"
        if kind == "linear":
            o = n if fixed else self.r.choice([4, 6, 12])
            return [linear(n, o, None)], o
        if kind == "residual":
            items, _ = self.features(n, depth - 1, fixed=True)
            projected = self.r.random() < 0.4
            return [residual(*items, shortcut=self.features(n, 0, fixed=True)[0] if projected else None)], n
        if kind == "concat" and not fixed:
            a, na = self.features(n, depth - 1)
            b, nb = self.features(n, 0)
            return [concat(a=a, b=b)], na + nb
        if kind == "repeat":
            seed = self.r.random()

            def make():
                self.r.seed(seed)
                return self.features(n, depth - 1, fixed=True)[0]

            # A nested network would be declared twice.
            before = len(STRUCTS)
            layer = repeat(2, make)
            if len(STRUCTS) == before:
                return [layer], n
            del STRUCTS[before:]
        if kind == "nested":
            items, o = self.features(n, depth - 1, fixed)
            self.nets += 1
            return [nested(f"Nested{self.nets}", [n], [o], *items)], o
        return self.simple(n), n

    def features(self, n, depth, fixed=False):
        items = []
        for _ in range(self.r.choice([1, 1, 2])):
            more, o = self.on_features(n, depth, fixed)
            items, n = items + more, o
        return items, n

    def images(self, h, w, c, depth, fixed=False):
        """Layers for images; gives them and the sizes of what comes out."""
        kind = self.r.choice(["conv", "pool", "norm", "last", "residual", "concat", "nested", "features"])
        if depth == 0 and kind not in ("conv", "norm", "last"):
            kind = "norm"
        if kind == "conv":
            o = c if fixed else self.r.choice([2, 3, 4])
            return [L(f"Conv2d<_, {o}, 1>", nn.Conv2d(c, o, 1))], (h, w, o)
        if kind == "last":
            self.moved = True
            o = c if fixed else self.r.choice([2, 3, 4])
            rust, module, o = self.r.choice([
                ("LayerNorm", OnChannels(nn.LayerNorm(c)), c), ("Softmax", nn.Softmax(1), c),
                (f"Linear<_, {o}>", OnChannels(nn.Linear(c, o)), o),
                ("Glu", nn.GLU(1), c // 2) if c % 4 == 0 and not fixed else ("Tanh", nn.Tanh(), c),
            ])
            return [L(rust, module)], (h, w, o)
        if kind == "pool" and not fixed and w > 1:
            return [L("MaxPool2d<(1, 2), Stride<1>>", nn.MaxPool2d((1, 2), 1))], (h, w - 1, c)
        if kind == "residual":
            items, _ = self.images(h, w, c, depth - 1, fixed=True)
            return [residual(*items)], (h, w, c)
        if kind == "concat" and not fixed:
            a, (_, _, ca) = self.images(h, w, c, 0)
            b, (_, _, cb) = self.images(h, w, c, 0)
            return [concat(a=a, b=b)], (h, w, ca + cb)
        if kind == "nested":
            items, (oh, ow, oc) = self.images(h, w, c, depth - 1, fixed)
            self.nets += 1
            return [nested(f"Nested{self.nets}", [h, w, c], [oh, ow, oc], *items)], (oh, ow, oc)
        if kind == "features":
            # To features and back.
            self.asks |= self.moved
            items, n = self.features(h * w * c, 1)
            items = [flatten(), *items, linear(n, h * w * c, None), *self.simple(h * w * c)]
            return items + [reshape(h, w, c)], (h, w, c)
        module = self.r.choice([("PRelu<_>", nn.PReLU(c)), ("BatchNorm2d<_>", nn.BatchNorm2d(c)), ("Gelu", nn.GELU())])
        return [L(*module)], (h, w, c)

    def add(self, cases, index):
        items, sizes = [], (2, 3, 2)
        self.moved = self.asks = False
        for _ in range(2):
            more, sizes = self.images(*sizes, 2)
            items += more
        if self.moved and self.r.random() < 0.7:
            # A layer that takes channels has them first.
            items.append(L("BatchNorm2d<_>", nn.BatchNorm2d(sizes[2])))
            self.moved = False
        self.asks |= self.moved
        n = sizes[0] * sizes[1] * sizes[2]
        branched = self.r.random()
        if branched < 0.2:
            items += [concat(a=[flatten()], b=[flatten(), *self.simple(n)])]
            n *= 2
        elif branched < 0.4:
            self.nets += 1
            items += [nested(f"Nested{self.nets}", list(sizes), [n], flatten(), *self.simple(n))]
        elif branched < 0.6:
            items += [
                split(a=[flatten()], b=[L("Gelu", nn.GELU())]), L("Tanh", each(nn.Tanh())),
                L("Flatten", Function(lambda parts: torch.cat([part.flatten(1) for part in parts], 1))),
            ]
            n *= 2
        else:
            items += [flatten()]
        for _ in range(3):
            more, n = self.on_features(n, 2)
            items += more
        items.append(linear(n, 2, "head"))
        cases.add(f"random_{index}", [2, 3, 2], [2], *items, refused="maybe" if self.asks else "no")


class RandomAxes:
    """Random networks of layers that take channels and layers that work along the last axis."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def layer(self, h, w, c, rank, fixed=False):
        """A layer, and how many channels come out."""
        r, o = self.r, c if fixed else self.r.choice([1, 2, 3, 4])
        channels = [
            (f"Conv{rank}d<_, {o}, 1>", (nn.Conv2d if rank == 2 else nn.Conv1d)(c, o, 1), o),
            (f"BatchNorm{rank}d<_>", (nn.BatchNorm2d if rank == 2 else nn.BatchNorm1d)(c), c),
        ]
        along_last = [
            ("LayerNorm", nn.LayerNorm(c), c), (f"Linear<_, {o}>", nn.Linear(c, o), o), ("Softmax", nn.Softmax(-1), c),
        ]
        keeps = [("Tanh", nn.Tanh(), c), ("Gelu", nn.GELU(), c), ("PRelu", nn.PReLU(), c)]
        kind, choices = r.choice([("channels", channels), ("last", along_last), ("last", along_last), ("keeps", keeps)])
        rust, module, o = r.choice(choices)
        return L(rust, moving(kind, module)), o

    def layers(self, h, w, c, rank, count):
        items = []
        for _ in range(count):
            if self.r.random() < 0.3:
                inner = [self.layer(h, w, c, rank, fixed=True)[0] for _ in range(self.r.choice([1, 2]))]
                items.append(residual(*inner))
            else:
                item, c = self.layer(h, w, c, rank)
                items.append(item)
        return items, c

    def add(self, cases, index):
        h, w, c, rank = 2, 3, 4, 2
        items, c = self.layers(h, w, c, rank, self.r.choice([1, 2, 3]))
        if self.r.random() < 0.4:
            rank = 1
            items.append(L(f"Reshape<6, {c}>", moving("view", nn.Identity())))
            more, c = self.layers(h, w, c, rank, self.r.choice([1, 2]))
            items += more
        if self.r.random() < 0.2:
            mean = Function(lambda x: x.flatten(2).mean(2))
            items.append(L(f"GlobalAvgPool{rank}d", moving("pool", mean)))
            n = c
        else:
            items.append(L("Flatten", moving("flatten", nn.Flatten())))
            n = 6 * c
        if self.r.random() < 0.5:
            items.append(L(*self.r.choice(list(keeps(n).items()))))
        items.append(linear(n, 2, "head"))
        cases.add(f"axes_{index}", [2, 3, 4], [2], *items, refused="if different")


class RandomWired:
    """Random wired lists of images and features, some of which work along the last axis."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def image_layer(self, c):
        r = self.r
        o = r.choice([1, 2, 3, 4])
        kind, (rust, module, o) = r.choice([
            ("channels", (f"Conv2d<_, {o}, 1>", nn.Conv2d(c, o, 1), o)),
            ("channels", (f"Conv2d<_, {c}, 1>", nn.Conv2d(c, c, 1), c)),
            ("channels", ("BatchNorm2d<_>", nn.BatchNorm2d(c), c)),
            ("keeps", ("Tanh", nn.Tanh(), c)),
            ("keeps", ("Gelu", nn.GELU(), c)),
            ("last", ("LayerNorm", nn.LayerNorm(c), c)) if self.moves else ("keeps", ("Sigmoid", nn.Sigmoid(), c)),
        ])
        return L(rust, moving(kind, module)), o

    def feature_layer(self, n):
        r = self.r
        o = r.choice([4, 6, 12, n, n])
        return r.choice([
            (linear(n, o, None), o), (linear(n, n, None), n), (L(*r.choice(list(keeps(n).items()))), n),
            (L("Glu", nn.GLU()), n // 2) if n % 2 == 0 else (linear(n, n, None), n),
        ])

    def add(self, cases, index):
        r = self.r
        self.moves = r.random() < 0.4
        several = r.random() < 0.4
        inputs = {"x": [2, 3, 4], "v": [6]} if several else [2, 3, 4]
        # The outputs that can be read: name, axes (None for features), channels or features; who was read.
        outputs = [("x", 3, 4), ("v", 1, 6)] if several else [("input", 3, 4)]
        items, read = [], set()

        def push(item, reads, axes, size):
            item.name = f"l{len(items)}"
            # The output before it needs no name.
            before = items[-1].name if items else "input"
            if not item.reads and (reads[0] != before or r.random() < 0.3):
                item.reading(*reads)
            read.update(item.reads or reads)
            items.append(item)
            outputs.append((item.name, axes, size))

        def grow(steps):
            for _ in range(steps):
                name, axes, size = r.choice(outputs[-4:])
                alike = [other for other, *of in outputs if of == [axes, size] and other != name]
                joined = [(other, of) for other, a, of in outputs if a == axes and other != name]
                what = r.random()
                if what < 0.3 and alike:
                    push(r.choice([add, mul])(name, r.choice(alike)), (name,), axes, size)
                elif what < 0.5 and joined and size < 40:
                    other, of = r.choice(joined)
                    pair = r.choice([(name, other), (other, name)])
                    push(cat(*pair), pair, axes, size + of)
                elif what < 0.65 and axes == 3:
                    push(L("Flatten", moving("flatten", nn.Flatten())), (name,), 1, 6 * size)
                elif what < 0.75 and axes == 1 and size % 6 == 0:
                    unflatten = Function(lambda x, c=size // 6: Axes(x.unflatten(1, (c, 2, 3))))
                    push(L(f"Reshape<2, 3, {size // 6}>", unflatten), (name,), 3, size // 6)
                else:
                    item, o = self.image_layer(size) if axes == 3 else self.feature_layer(size)
                    push(item, (name,), axes, o)

        grow(r.choice([4, 6, 8, 10]))
        # Everything is read in the end: flattened, and side by side.
        while True:
            unread = [output for output in outputs if output[0] not in read]
            images = [output for output in unread if output[1] == 3]
            if images:
                push(L("Flatten", moving("flatten", nn.Flatten())), (images[0][0],), 1, 6 * images[0][2])
            elif len(unread) > 1:
                part = unread[:6]
                push(cat(*[name for name, *_ in part]), tuple(name for name, *_ in part), 1, sum(n for *_, n in part))
            else:
                break
        (name, _, size), = unread
        push(linear(size, 2, None), (name,), 1, 2)
        cases.add_wired(f"wired_random_{index}", inputs, [2], *items, refused="if different")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cases = Cases()
    behind_flatten(cases)
    made_images(cases)
    with_axes(cases)
    moved_axes(cases)
    chosen_and_swapped_axes(cases)
    wired_lists(cases)
    ends(cases)
    seed, count = map(int, sys.argv[1:] or (5, 40))
    random_networks = Random(seed)
    for index in range(count):
        random_networks.add(cases, index)
    random_axes = RandomAxes(seed)
    for index in range(count):
        random_axes.add(cases, index)
    random_wired = RandomWired(seed)
    for index in range(count):
        random_wired.add(cases, index)
    cases.write()


if __name__ == "__main__":
    main()
