#!/usr/bin/env python3
"""PyTorch's half of tests/files/interchange.rs.

    python3 interchange_resnet.py FOLDER

Reads FOLDER/ours.safetensors into a small residual network, which must take
it as it is, and writes theirs.safetensors, the weights of another such
network after a few batches in training mode, and outputs.json: images "x" as
[N, H, W, C], and the outputs of the two networks in evaluation mode, "ours"
and "theirs".
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = functional.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return y + (x if self.downsample is None else self.downsample(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = Block(4, 4, 1)
        self.layer2 = Block(4, 6, 2)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 2)
        x = functional.relu(self.layer1(x))
        x = functional.relu(self.layer2(x))
        return self.fc(x.mean((2, 3)))


def main():
    folder = Path(sys.argv[1])
    torch.manual_seed(5)
    torch.set_num_threads(1)
    state = load_file(folder / "ours.safetensors")
    ours, theirs = ResNet(), ResNet()
    assert set(state) == set(ours.state_dict()), set(state) ^ set(ours.state_dict())
    ours.load_state_dict(state, strict=True)
    assert ours.bn1.num_batches_tracked == 3, ours.bn1.num_batches_tracked
    assert ours.layer2.downsample[1].running_var.ne(1).all()
    with torch.no_grad():
        for _ in range(4):
            theirs(1 + 2 * torch.randn(8, 2, 10, 8))
        for name, parameter in theirs.named_parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        save_file(theirs.state_dict(), folder / "theirs.safetensors")
        x = 1 + 2 * torch.randn(5, 2, 10, 8)
        outputs = {"x": x.permute(0, 2, 3, 1), "ours": ours.eval()(x), "theirs": theirs.eval()(x)}
    with open(folder / "outputs.json", "w") as file:
        json.dump({name: tensor.flatten().tolist() for name, tensor in outputs.items()}, file)


if __name__ == "__main__":
    main()
