#!/usr/bin/env python3
"""Reference values from PyTorch for the normalizations.

Run, from the root of the repository:

    pip install torch numpy safetensors
    python3 tests/reference/make_norms.py

It writes norms.json, norms.safetensors and norms_files.json next to itself. The files in the
repository were made with torch 2.15.0 on CPU, one thread.

norms.json is in the format of layers.json (see make_reference.py), with one
more entry: "layer" is the layer as shapewright writes it, before " of " and
the shape of one sample. Results are those of f64 alone, as PyTorch's own f32
is not good enough where a mean is large against the deviation. x, y and g
are channels-last: they are turned for the call where PyTorch has the
channels first. So are weights of three axes, [H, W, C] for PyTorch's
[C, H, W]; those of two are PyTorch's [C, L].

The cases of batch normalization have more: running_mean and running_var
before the step and, with "new_" before their names, after it; y is that of
training, y_eval that of inference with the statistics before, and the
gradients with _eval after their names are those of inference, too.

norms.safetensors has the state_dict of a model of normalizations, with
num_batches_tracked in I64; norms_files.json its input "x" and output "y" of
inference, channels-last.
"""

import copy
from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn

from make_reference import HERE, generator, grid, inputs, results, write


class ChannelsLast(nn.Module):
    """A layer that wants the channels at another axis than the last: 1 for [N, C, ..]."""

    def __init__(self, inner, axis):
        super().__init__()
        self.inner, self.axis = inner, axis

    def forward(self, x):
        y = self.inner(x.movedim(-1, self.axis).contiguous())
        # From a gradient that is not contiguous nn.InstanceNorm2d computes another one.
        if y.requires_grad:
            y.register_hook(lambda g: g.contiguous())
        return y.movedim(self.axis, -1)


def parameters(gen, module):
    """Weights around 1, biases around 0."""
    with torch.no_grad():
        for name, p in module.named_parameters():
            p.copy_(grid(gen, *p.shape, scale=0.5) + (1 if name == "weight" else 0))


def ours(tensor):
    """Weights of three axes channels-last."""
    return (tensor.permute(1, 2, 0) if tensor.dim() == 3 else tensor).contiguous()


def draw(gen, shape, mean):
    """Numbers around a mean that differs a little between channels."""
    x = grid(gen, *shape, scale=1.0)
    return x + mean + (torch.arange(shape[-1]) % 3 if mean else 0)


def case(seed, layer, inner, shape, axis=1, mean=0.0):
    gen, inner = generator(seed), copy.deepcopy(inner)
    parameters(gen, inner)
    x, g = draw(gen, shape, mean), grid(gen, *shape)
    out = {"layer": layer + " of " + "x".join(map(str, shape[1:]))}
    name = f"{out['layer']}, {shape[0]} samples" + (f", mean {mean:g}" if mean else "")
    before = {k: v.detach().clone() for k, v in inner.named_parameters()}
    out |= {"name": name, "shapes": {"x": list(shape), "y": list(shape)}}
    out |= {"x": inputs(x), "g": inputs(g)} | {k: inputs(ours(v)) for k, v in before.items()}
    module = ChannelsLast(inner, axis).double()
    batch_norm = isinstance(inner, (nn.BatchNorm1d, nn.BatchNorm2d))
    if batch_norm:
        with torch.no_grad():
            inner.running_mean.copy_(grid(gen, shape[-1]) + mean)
            inner.running_var.copy_(grid(gen, shape[-1]).abs() + 0.5)
        statistics = {k: getattr(inner, k).clone() for k in ["running_mean", "running_var"]}
        out |= {k: inputs(v.float()) for k, v in statistics.items()}
        module.eval()
        x64 = x.double().requires_grad_(True)
        y = module(x64)
        y.backward(g.double())
        out |= {"y_eval_f64": results(y), "grad_x_eval_f64": results(x64.grad)}
        out |= {f"grad_{k}_eval_f64": results(ours(v.grad)) for k, v in inner.named_parameters()}
        module.zero_grad()
        module.train()
    # Where nothing depends on the mean, without it: PyTorch's f64 loses five digits to it in groups.
    shift = 0 if isinstance(inner, (nn.BatchNorm1d, nn.BatchNorm2d, nn.RMSNorm)) else mean
    x64 = (x.double() - shift).requires_grad_(True)
    y = module(x64)
    y.backward(g.double())
    out |= {"y_f64": results(y), "grad_x_f64": results(x64.grad)}
    out |= {f"grad_{k}_f64": results(ours(v.grad)) for k, v in inner.named_parameters()}
    if batch_norm:
        out |= {f"new_{k}_f64": results(getattr(inner, k)) for k in statistics}
    return out


def last_axes():
    for sizes, lead in [([5], [4]), ([33], [2]), ([70], [2]), ([12], [2, 2]), ([7], [1, 2, 3])]:
        yield "LayerNorm", nn.LayerNorm(sizes), lead + sizes, -1
        if sizes != [33]:
            yield "RmsNorm", nn.RMSNorm(sizes), lead + sizes, -1
    yield "LayerNorm<NoBias>", nn.LayerNorm(6, bias=False), [3, 6], -1
    yield "LayerNorm<_, NoAffine>", nn.LayerNorm(6, elementwise_affine=False), [3, 2, 6], -1
    yield "LayerNorm<20>(0.5)", nn.LayerNorm(20, eps=0.5), [3, 20], -1
    yield "LayerNorm<_, _>", nn.LayerNorm([5, 3]), [2, 3, 5], 1
    yield "LayerNorm<4, _, NoBias>", nn.LayerNorm([3, 4], bias=False), [2, 2, 4, 3], 2
    yield "LayerNorm<_, _, _>", nn.LayerNorm([3, 2, 5]), [2, 2, 5, 3], 1
    yield "LayerNorm<_, 1, 19, NoBias>", nn.LayerNorm([19, 3, 1], bias=False), [2, 3, 1, 19], 1
    yield "RmsNorm<NoAffine>(0.25)", nn.RMSNorm(6, eps=0.25, elementwise_affine=False), [3, 6], -1
    yield "RmsNorm<_, _, _>", nn.RMSNorm([3, 2, 5]), [2, 2, 5, 3], 1
    yield "RmsNorm<_, _>", nn.RMSNorm([3, 4]), [2, 4, 3], 1


def cases():
    seed = 700
    for layer, module, shape, axis in last_axes():
        for mean in [0.0, 1000.0] if shape in [[2, 33], [2, 2, 5, 3]] else [0.0]:
            yield case(seed, layer, module, shape, axis, mean)
            seed += 1
    for layer, module, shape in [
        ("GroupNorm<2, _>", nn.GroupNorm(2, 6), [2, 3, 3, 6]),
        ("GroupNorm<4, 8>", nn.GroupNorm(4, 8), [2, 2, 1, 8]),
        ("GroupNorm<1, _>", nn.GroupNorm(1, 5), [2, 3, 5]),
        ("GroupNorm<3, _>", nn.GroupNorm(3, 48), [2, 48]),
        ("GroupNorm<7, _, NoAffine>", nn.GroupNorm(7, 14, affine=False), [2, 2, 1, 14]),
        ("GroupNorm<2, _>(0.125)", nn.GroupNorm(2, 8, eps=0.125), [2, 1, 1, 8]),
        ("GroupNorm<2, _>", nn.GroupNorm(2, 140), [1, 2, 140]),
        ("InstanceNorm2d<_>", nn.InstanceNorm2d(3), [2, 2, 5, 3]),
        ("InstanceNorm2d<_, Affine>", nn.InstanceNorm2d(3, affine=True), [2, 3, 3, 3]),
        ("InstanceNorm2d<70, Affine>(0.01)", nn.InstanceNorm2d(70, eps=0.01, affine=True), [1, 1, 2, 70]),
    ]:
        for mean in [0.0, 1000.0] if shape in [[2, 3, 3, 6], [2, 3, 3, 3]] else [0.0]:
            yield case(seed, layer, module, shape, mean=mean)
            seed += 1
    for layer, module, shape in [
        ("BatchNorm1d<_>", nn.BatchNorm1d(5), [7, 5]),
        ("BatchNorm1d<33>", nn.BatchNorm1d(33), [3, 33]),
        ("BatchNorm1d<_, NoAffine>", nn.BatchNorm1d(5, affine=False), [4, 5]),
        ("BatchNorm1d<_>(0.001, 0.375)", nn.BatchNorm1d(3, eps=0.001, momentum=0.375), [3, 4, 3]),
        ("BatchNorm2d<_>", nn.BatchNorm2d(2), [2, 3, 5, 2]),
        ("BatchNorm2d<_>", nn.BatchNorm2d(6), [5, 1, 1, 6]),
        ("BatchNorm2d<70>", nn.BatchNorm2d(70), [2, 1, 1, 70]),
        ("BatchNorm2d<_, NoAffine>(0.25, 1.0)", nn.BatchNorm2d(3, eps=0.25, momentum=1.0, affine=False), [1, 4, 4, 3]),
    ]:
        for mean in [0.0, 1000.0] if shape == [2, 3, 5, 2] else [0.0]:
            yield case(seed, layer, module, shape, mean=mean)
            seed += 1


def weights():
    torch.manual_seed(800)
    net = nn.Sequential(
        OrderedDict(
            batch=nn.BatchNorm2d(4),
            group=nn.GroupNorm(2, 4),
            layer=nn.LayerNorm([4, 2, 3]),
            instance=nn.InstanceNorm2d(4, affine=True),
        )
    )
    gen = generator(801)
    for module in net:
        parameters(gen, module)
    for _ in range(3):
        net(torch.randn(5, 4, 2, 3) * 2 + 1)
    net.eval()
    x = torch.randn(2, 4, 2, 3)
    save_file(net.state_dict(), HERE / "norms.safetensors")
    double = copy.deepcopy(net).double()
    case = {
        "name": "norms.safetensors",
        "shapes": {"x": [2, 2, 3, 4], "y": [2, 2, 3, 4]},
        "x": inputs(x.movedim(1, -1)),
        "y_f64": results(double(x.double()).movedim(1, -1)),
    }
    write("norms_files.json", [case])


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("norms.json", list(cases()))
    weights()
