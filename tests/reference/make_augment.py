#!/usr/bin/env python3
"""Reference values for the resampling and colours of src/augment, from
PyTorch's affine_grid and grid_sample with the formulas that torchvision
documents.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_augment.py

It writes augment.json next to itself: an object with "cases", each with

    name         which test it belongs to: affine, brightness or contrast
    shape        height, width and channels; arrays are in this order, flat
    x, y         the image before and after, computed in f64
    affine       degrees (clockwise), translate (x, y in pixels), scale,
                 shear (x, y in degrees), mode (nearest or bilinear), fill
    others       factor

Outside of the image lies the fill value, and bilinear interpolation reads it
there: the image minus the fill value is sampled with zeros around it.
Torchvision weighs pixels near the border with the square of what lies inside.
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

generator = torch.Generator().manual_seed(1)


def image(height, width, channels):
    """Bytes over 256, which are short in decimals and exact in f32."""
    bytes = torch.randint(0, 256, (height, width, channels), generator=generator)
    return bytes.to(torch.float64) / 256


def inverse_matrix(degrees, translate, scale, shear):
    """About the middle of the image: (rotation * scale * shear y * shear x)
    and then the shift, inverted, in pixels."""
    rotation, sx, sy = (math.radians(v) for v in (degrees, *shear))
    forward = torch.eye(3, dtype=torch.float64)
    forward[:2, :2] = scale * torch.tensor(
        [
            [math.cos(rotation - sy) / math.cos(sy),
             -math.cos(rotation - sy) * math.tan(sx) / math.cos(sy) - math.sin(rotation)],
            [math.sin(rotation - sy) / math.cos(sy),
             -math.sin(rotation - sy) * math.tan(sx) / math.cos(sy) + math.cos(rotation)],
        ],
        dtype=torch.float64,
    )
    forward[0, 2], forward[1, 2] = translate
    return torch.linalg.inv(forward)


def affine(x, degrees, translate, scale, shear, mode, fill):
    height, width, channels = x.shape
    # From pixels to the coordinates of affine_grid, which go from -1 to 1.
    size = torch.diag(torch.tensor([width / 2, height / 2, 1.0], dtype=torch.float64))
    theta = torch.linalg.inv(size) @ inverse_matrix(degrees, translate, scale, shear) @ size
    shape = (1, channels, height, width)
    grid = F.affine_grid(theta[None, :2], shape, align_corners=False)
    planes = x.permute(2, 0, 1)[None] - fill
    y = F.grid_sample(planes, grid, mode=mode, padding_mode="zeros", align_corners=False) + fill
    return y[0].permute(1, 2, 0)


def case(name, x, y, **parameters):
    numbers = lambda t: [float(f"{v:.14g}") for v in t.reshape(-1).tolist()]
    return {"name": name, "shape": list(x.shape), "x": numbers(x), "y": numbers(y), **parameters}


def main():
    cases = []
    changes = [
        (31.0, (0, 0), 1.0, (0.0, 0.0)),
        (-77.0, (2, -1), 1.3, (0.0, 0.0)),
        (200.0, (-1, 1), 0.6, (12.0, 0.0)),
        (11.0, (1, 2), 0.9, (-20.0, 8.0)),
        (0.0, (3, -2), 1.0, (0.0, 0.0)),
        (90.0, (0, 0), 1.0, (0.0, 0.0)),
        (0.0, (0, 0), 1.7, (0.0, -15.0)),
        (5.0, (20, 0), 1.0, (0.0, 0.0)),
    ]
    for shape in [(8, 8, 1), (5, 7, 3), (9, 4, 2), (1, 6, 1)]:
        for degrees, translate, scale, shear in changes:
            for mode, fill in [("bilinear", 0.0), ("bilinear", 0.25), ("nearest", 0.5)]:
                # A quarter turn that puts pixels halfway between two, where
                # grid_sample takes the even one.
                if mode == "nearest" and degrees == 90.0 and (shape[0] + shape[1]) % 2:
                    continue
                x = image(*shape)
                parameters = dict(degrees=degrees, translate=translate, scale=scale, shear=shear, mode=mode, fill=fill)
                cases.append(case("affine", x, affine(x, **parameters), **parameters))
    for shape in [(5, 7, 3), (4, 4, 1), (3, 2, 2)]:
        for factor in [0.0, 0.4, 1.0, 1.9]:
            x = image(*shape)
            cases.append(case("brightness", x, (x * factor).clamp(0, 1), factor=factor))
            weights = [0.2989, 0.587, 0.114] if shape[2] == 3 else [1 / shape[2]] * shape[2]
            mean = (x * torch.tensor(weights, dtype=torch.float64)).sum(-1).mean()
            cases.append(case("contrast", x, (factor * x + (1 - factor) * mean).clamp(0, 1), factor=factor))
    path = Path(__file__).with_name("augment.json")
    lines = ",\n".join(json.dumps(case) for case in cases)
    path.write_text('{"cases": [\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
