#!/usr/bin/env python3
"""Reference values from PyTorch for layers with spectral normalization.

Run, from the root of the repository:

    pip install torch numpy safetensors
    python3 tests/reference/make_spectral_norm.py

It writes spectral_norm.json and spectral_norm.safetensors next to itself. The
first has inputs, targets, and the outputs of each of five steps of SGD in
training mode, and those of inference after all power iterations have
converged. The second has the network's `state_dict()` before the first step
under "first.", after the last one under "last.", and with converged vectors
under "converged.". The steps are those of `torch.nn.utils.spectral_norm`, whose
vectors take turns as those of shapewright do; the converged network is one of
`torch.nn.utils.parametrizations.spectral_norm`. Images are channels-last, and
are turned for PyTorch here.

The network is `[6, 5, 2] -> [3]`:

    conv: SpectralNorm<Conv2d<_, 4, 3, Stride<2>, Pad<1>>>, LeakyRelu(0.1),
    Reshape<9, 4>, time: SpectralNorm<Conv1d<_, 5, 3, NoBias>>, Tanh, Flatten,
    head: SpectralNorm<Linear<_, 3>>
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm

HERE = Path(__file__).parent
STEPS, BATCH = 5, 4


class Net(nn.Module):
    def __init__(self, spectral_norm):
        super().__init__()
        self.conv = spectral_norm(nn.Conv2d(2, 4, 3, stride=2, padding=1))
        self.time = spectral_norm(nn.Conv1d(4, 5, 3, bias=False))
        self.head = spectral_norm(nn.Linear(35, 3))

    def forward(self, x):
        y = nn.functional.leaky_relu(self.conv(x.movedim(-1, 1)), 0.1)
        y = torch.tanh(self.time(y.flatten(2)))
        return self.head(y.flatten(1))


def state(net, prefix):
    tensors = net.state_dict().items()
    return {prefix + name: value.detach().float().clone() for name, value in tensors}


def numbers(tensor):
    return [float(f"{value:.14g}") for value in tensor.detach().flatten().tolist()]


def main():
    torch.manual_seed(31)
    torch.set_num_threads(1)
    net = Net(spectral_norm).double()
    # The numbers in the file are those of the network: f32.
    with torch.no_grad():
        for tensor in [*net.parameters(), *net.buffers()]:
            tensor.copy_(tensor.float())
    tensors = state(net, "first.")

    x = torch.randn(STEPS, BATCH, 6, 5, 2).float().double()
    target = torch.randn(STEPS, BATCH, 3).float().double()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.2)
    outputs = []
    net.train()
    for xs, ts in zip(x, target):
        optimizer.zero_grad()
        y = net(xs)
        nn.functional.mse_loss(y, ts).backward()
        optimizer.step()
        outputs.append(numbers(y))
    tensors |= state(net, "last.")

    trained = net
    net = Net(parametrizations.spectral_norm).double()
    with torch.no_grad():
        for name in ["conv", "time", "head"]:
            layer, from_layer = getattr(net, name), getattr(trained, name)
            layer.parametrizations.weight.original.copy_(from_layer.weight_orig.float())
            if layer.bias is not None:
                layer.bias.copy_(from_layer.bias.float())
        for _ in range(5000):
            net(x[0])
    net.eval()
    tensors |= state(net, "converged.")
    case = {
        "x": numbers(x),
        "target": numbers(target),
        "outputs": outputs,
        "inference": numbers(net(x[0])),
    }
    (HERE / "spectral_norm.json").write_text(json.dumps(case) + "\n")
    save_file(tensors, HERE / "spectral_norm.safetensors")


if __name__ == "__main__":
    main()
