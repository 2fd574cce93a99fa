#!/usr/bin/env python3
"""Reference values for labels of each pixel of an image and of each position of
a sequence: losses from PyTorch, intersections over unions from scikit-learn.

Run, from the root of the repository:

    pip install torch numpy scikit-learn
    python3 tests/reference/make_pixels.py

It writes pixels.json next to itself, in the format of losses_more.json, which
make_losses.py describes; the classes are the last axis of x. Of each case there
are also, over the labels that are not -100:

    accuracy         accuracy_score of the largest x
    iou, mean_iou    jaccard_score: of each class, 0 where there is none; macro
"""

import torch
from sklearn.metrics import accuracy_score, jaccard_score

from make_losses import cases, float_options
from make_reference import Raw, generator, grid, write


def measures(x, target):
    x, target = x.flatten(0, -2), target.flatten()
    seen = target != -100
    predicted, labels = x.argmax(dim=1)[seen].numpy(), target[seen].numpy()
    each = jaccard_score(labels, predicted, labels=range(x.shape[1]), average=None, zero_division=0)
    return {
        "accuracy": Raw(repr(float(accuracy_score(labels, predicted)))),
        "iou": [Raw(repr(float(v))) for v in each],
        "mean_iou": Raw(repr(float(jaccard_score(labels, predicted, average="macro", zero_division=0)))),
    }


def pixels(gen):
    found = []
    for shape, weights in [([2, 5, 7, 4], [0.5, 2.0, 1.0, 3.25]), ([3, 6, 5], [1.0, 0.25, 3.0, 0.5, 2.0])]:
        n = shape[-1]
        # No two scores of a pixel are the same, so that the largest is one alone.
        x = grid(gen, *shape, scale=2) + torch.arange(n) / 512
        plain = torch.randint(0, n, shape[:-1], generator=gen)
        some = plain.masked_fill(torch.rand(plain.shape, generator=gen) < 0.3, -100)
        # Class 1 is neither a label nor a prediction, and class 0 no prediction.
        missing = x.clone()
        missing[..., :2] -= 64
        rest = torch.where(plain == 1, torch.tensor(2), plain)
        size = "x".join(map(str, shape))
        smoothed = {"label_smoothing": 0.125}
        for kind, name, x_of, target, options in [
            ("CrossEntropyLoss", "", x, plain, {}),
            ("CrossEntropyLoss", "_weighted", x, plain, {"weight": weights}),
            ("CrossEntropyLoss", "_smoothed", x, plain, smoothed),
            ("CrossEntropyLoss", "_ignored", x, some, {}),
            ("CrossEntropyLoss", "_all", x, some, {"weight": weights} | smoothed),
            ("CrossEntropyLoss", "_missing", missing, rest, {}),
            ("NLLLoss", "_weighted", -x.abs(), plain, {"weight": weights}),
            ("NLLLoss", "_weighted_ignored", -x.abs(), some, {"weight": weights}),
        ]:
            for case in cases(f"{kind}_{size}{name}", kind, x_of, target, float_options(**options)):
                found.append(case | measures(x_of, target))
    # Both reductions, which large cases lack.
    x, target = grid(gen, 1, 3, 2, 3, scale=2), torch.tensor([[[0, -100], [2, 1], [1, -100]]])
    for case in cases("CrossEntropyLoss_1x3x2x3", "CrossEntropyLoss", x, target, float_options(weight=[0.5, 2.0, 1.25])):
        found.append(case | measures(x, target))
    return found


if __name__ == "__main__":
    write("pixels.json", pixels(generator(4100)))
