#!/usr/bin/env python3
"""Reference values from PyTorch for the losses that make_reference.py does not
cover, and for the options of all.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_losses.py

It writes losses_more.json next to itself, in the format of losses.json, which
make_reference.py describes, with these differences:

    options          the arguments of PyTorch's loss beside the reduction
    x                for GaussianNLLLoss, MarginRankingLoss and
                     CosineEmbeddingLoss each sample is two arrays one after
                     the other, for TripletMarginLoss three: "parts" says how
                     many. The classes are the last axis
    target           -100 where a label is to be ignored; absent for
                     TripletMarginLoss
    value_f64, grad_x_f64
                     come without a copy in f32
    The reduction of KLDivLoss is "batchmean" where it says "mean".
"""

import torch
from torch import nn

from make_reference import Raw, generator, grid, inputs, results, write



class QuantileLoss(nn.Module):
    """The quantile loss, which PyTorch does not have; scikit-learn's
    mean_pinball_loss. The quantiles are the last axis of x."""

    def __init__(self, quantiles, reduction):
        super().__init__()
        self.quantiles, self.reduction = torch.tensor(quantiles), reduction

    def forward(self, x, target):
        q, off = self.quantiles.to(x.dtype), target.unsqueeze(-1) - x
        loss = torch.maximum(q * off, (q - 1) * off)
        return loss.mean() if self.reduction == "mean" else loss.sum()


CLASSES = ["CrossEntropyLoss", "NLLLoss"]


def call(loss, x, target, parts):
    """The loss of inputs in our layout: samples first, classes and parts last."""
    if isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)):
        return loss(x.movedim(-1, 1).contiguous(), target)
    xs = x.chunk(parts, dim=1)
    if isinstance(loss, nn.GaussianNLLLoss):
        return loss(xs[0], target, xs[1])
    return loss(*xs) if target is None else loss(*xs, target)


def run(kind, options, reduction, x, target, parts):
    options = dict(options)
    for name in ["weight", "pos_weight"]:
        if name in options:
            options[name] = torch.tensor(options[name], dtype=x.dtype)
    if kind == "KLDivLoss" and reduction == "mean":
        reduction = "batchmean"
    loss = (QuantileLoss if kind == "QuantileLoss" else getattr(nn, kind))(reduction=reduction, **options)
    x = x.clone().requires_grad_(True)
    value = call(loss, x, target, parts)
    value.backward()
    return value.detach(), x.grad


def cases(name, kind, x, target, options={}, parts=1):
    assert (x.double().float() == x).all()
    # Large cases come with one reduction, to keep the file small.
    for reduction in ["mean", "sum"] if x.numel() < 100 else ["mean"]:
        value, grad = run(kind, options, reduction, x, target, parts)
        target64 = target.double() if target is not None and target.is_floating_point() else target
        value64, grad64 = run(kind, options, reduction, x.double(), target64, parts)
        for single, double in [(value, value64), (grad, grad64)]:
            off = float((single - double).abs().max() / double.abs().max().clamp(min=1e-30))
            assert off < 1e-5, (name, reduction, off)
        case = {"name": f"{name}_{reduction}", "kind": kind, "reduction": reduction, "parts": parts}
        case["options"] = {k: v if isinstance(v, (bool, list)) else Raw(repr(v)) for k, v in options.items()}
        case["shapes"] = {"x": list(x.shape)}
        case["x"] = inputs(x)
        if target is not None:
            case["shapes"]["target"] = list(target.shape)
            case["target"] = inputs(target)
        case["value_f64"] = results(value64)[0]
        case["grad_x_f64"] = results(grad64)
        yield case


def float_options(**options):
    return {k: [float(w) for w in v] if isinstance(v, list) else v for k, v in options.items()}


def classes(gen):
    found = []
    weights = {3: [0.5, 2.0, 1.25], 5: [1.0, 0.25, 3.0, 0.5, 2.0], 40: [0.25 + i % 7 for i in range(40)]}
    for kind in CLASSES:
        for shape in [[1, 5], [6, 5], [3, 40], [3, 2, 3], [2, 2, 1, 3]]:
            n = shape[-1]
            every = len(shape) == 2 and n == 5  # all combinations of options, or all options and none
            x = grid(gen, *shape, scale=2)
            if kind == "NLLLoss":
                x = -x.abs()
            plain = torch.randint(0, n, shape[:-1], generator=gen)
            some = plain.clone()
            some.flatten()[1::2] = -100
            size = "x".join(map(str, shape))
            smoothings = [0.0, 0.1] if kind == "CrossEntropyLoss" else [0.0]
            for smoothing in smoothings:
                for weighted in [False, True]:
                    for target, ignores in [(plain, ""), (some, "_ignored")]:
                        if shape[0] == 1 and ignores:
                            continue
                        if not every and len({smoothing == smoothings[-1], weighted, bool(ignores)}) > 1:
                            continue
                        options = {"label_smoothing": smoothing} if smoothing else {}
                        options |= {"weight": weights[n]} if weighted else {}
                        options = float_options(**options)
                        name = f"{kind}_{size}{'_smoothed' if smoothing else ''}{'_weighted' if weighted else ''}{ignores}"
                        found += cases(name, kind, x, target, options)
    # More rows than are taken at a time, and logits where a plain exp would overflow.
    x = grid(gen, 70, 3, scale=2)
    x[0], x[1], x[65] = torch.tensor([50.0, -50, 0]), torch.tensor([-90.0, -91, -95]), torch.tensor([1000.0, 0, -1000])
    target = torch.randint(0, 3, (70,), generator=gen)
    target[0], target[1], target[5], target[66:69] = 1, 2, -100, -100
    options = float_options(weight=weights[3], label_smoothing=0.25)
    found += cases("CrossEntropyLoss_70x3", "CrossEntropyLoss", x, target, options)
    found += cases("CrossEntropyLoss_70x3_ignored", "CrossEntropyLoss", x, target)
    found += cases("CrossEntropyLoss_smoothed_wholly", "CrossEntropyLoss", x, target.clamp(min=0), {"label_smoothing": 1.0})
    # A class that counts nothing.
    found += cases("CrossEntropyLoss_weight_0", "CrossEntropyLoss", x[2:8], target[2:8], float_options(weight=[0.0, 1, 2]))
    return found


def differences(gen):
    """Outputs and targets with differences of zero, at the bends, and large ones."""
    found = []
    for kind, options in [
        ("L1Loss", {}),
        ("HuberLoss", {}),
        ("HuberLoss", {"delta": 0.25}),
        ("SmoothL1Loss", {}),
        ("SmoothL1Loss", {"beta": 2.5}),
        ("SmoothL1Loss", {"beta": 0.0}),
    ]:
        for shape in [[1, 4], [9, 4], [2, 2, 3]]:
            x, target = grid(gen, *shape, scale=1.5), grid(gen, *shape, scale=1.5)
            bends = torch.tensor([0.0, 1.0, -1.0, 0.25])
            x.flatten()[:4] = target.flatten()[:4] + bends
            name = "_".join([kind, *map(str, options.values()), "x".join(map(str, shape))])
            found += cases(name, kind, x, target, options)
        x = torch.tensor([[1e15, -1e15, 1e-15, -1e-15], [1e5, 100.0, 1e-3, 0.0]])
        target = torch.tensor([[0.0, 0, 0, 0], [-1e5, 99.5, 0.0, 0.0]])
        found += cases("_".join([kind, *map(str, options.values()), "extreme"]), kind, x, target, options)
    return found


def soft(gen, *shape):
    target = torch.round(torch.rand(*shape, generator=gen) * 64) / 64
    target.flatten()[:2] = torch.tensor([0.0, 1.0])
    return target


def binary(gen):
    found = []
    x = torch.tensor([[50.0, -50, 0, 20], [100.0, -100, -20, 0], [-100.0, 100, 1e4, -1e4]])
    hard = torch.tensor([[1.0, 0, 1, 0], [0.0, 1, 1, 0], [0.0, 1, 1, 0]])
    for weight in [[3.0], [0.5, 2.0, 1.0, 4.25]]:
        name = f"BCEWithLogitsLoss_{len(weight)}_weights"
        options = {"pos_weight": weight}
        for shape in [[1, 4], [5, 4], [2, 2, 4]]:
            size = "x".join(map(str, shape))
            found += cases(f"{name}_{size}", "BCEWithLogitsLoss", grid(gen, *shape, scale=3), soft(gen, *shape), options)
        found += cases(f"{name}_extreme", "BCEWithLogitsLoss", x, hard, options)
    for shape in [[1, 4], [5, 4], [2, 2, 3]]:
        p = torch.round(torch.rand(*shape, generator=gen) * 126 + 1) / 128
        found += cases(f"BCELoss_{'x'.join(map(str, shape))}", "BCELoss", p, soft(gen, *shape))
    p = torch.tensor([[0.0, 1.0, 0.0, 1.0], [1e-8, 1e-3, 0.5, 1e-30]])
    target = torch.tensor([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 0.25, 1e-30]])
    found += cases("BCELoss_certain", "BCELoss", p, target)
    found += cases("BCELoss_small", "BCELoss", torch.tensor([[1e-8, 1e-9, 1e-8, 0.0]]), torch.zeros(1, 4))
    return found


def distributions(gen):
    found = []
    for shape in [[1, 4], [5, 4], [2, 2, 3]]:
        size = "x".join(map(str, shape))
        x = -grid(gen, *shape, scale=2).abs()
        found += cases(f"KLDivLoss_{size}", "KLDivLoss", x, soft(gen, *shape))
        log_target = -grid(gen, *shape, scale=2).abs()
        found += cases(f"KLDivLoss_log_target_{size}", "KLDivLoss", x, log_target, {"log_target": True})

        counts = torch.randint(0, 6, shape, generator=gen).to(torch.float32)
        for log_input in [True, False]:
            for full in [True, False]:
                x = grid(gen, *shape)
                x = x if log_input else x.abs() + 1 / 64
                options = {"log_input": log_input, "full": full}
                name = f"PoissonNLLLoss{'_log' if log_input else ''}{'_full' if full else ''}_{size}"
                found += cases(name, "PoissonNLLLoss", x, counts, options)
    x, counts = torch.tensor([[20.0, -80, 0, 3]]), torch.tensor([[1e6, 0, 0, 1]])
    found += cases("PoissonNLLLoss_large", "PoissonNLLLoss", x, counts, {"full": True})
    x, counts = torch.tensor([[0.0, 0.0, 5.0, 1.0]]), torch.tensor([[0.0, 0.5, 0.0, 1.0]])
    found += cases("PoissonNLLLoss_zero", "PoissonNLLLoss", x, counts, {"log_input": False})
    found += cases("PoissonNLLLoss_eps", "PoissonNLLLoss", x, counts, {"log_input": False, "eps": 0.25})

    for shape in [[1, 4], [9, 4]]:
        for options in [{}, {"full": True}, {"eps": 0.5}]:
            mean, var = grid(gen, *shape), grid(gen, *shape).abs() + 1 / 8
            var.flatten()[0] = 0.5
            x = torch.cat([mean, var], dim=1)
            name = "_".join(["GaussianNLLLoss", *options, "x".join(map(str, shape))])
            found += cases(name, "GaussianNLLLoss", x, grid(gen, *shape), options, parts=2)
    x = torch.tensor([[1.0, 2, 3, 4, 0, 1e-7, 1e-6, 1e10]])
    found += cases("GaussianNLLLoss_extreme", "GaussianNLLLoss", x, torch.tensor([[1.0, 2.5, 3, 1e5]]), parts=2)
    return found


def embeddings(gen):
    found = []

    def signs(*shape):
        return torch.randint(0, 2, shape, generator=gen).to(torch.float32) * 2 - 1

    for margin in [None, 0.25]:
        options = {} if margin is None else {"margin": margin}
        for shape in [[1, 4], [5, 4], [2, 2, 3]]:
            x, target = grid(gen, *shape), signs(*shape)
            x.flatten()[0], target.flatten()[0] = margin or 1.0, -1.0  # at the edge
            name = "_".join(["HingeEmbeddingLoss", *options, "x".join(map(str, shape))])
            found += cases(name, "HingeEmbeddingLoss", x, target, options)
        for shape in [[1, 4], [9, 4]]:
            size = "x".join(map(str, shape))
            a, b, target = grid(gen, *shape), grid(gen, *shape), signs(*shape)
            a[0, 0] = b[0, 0] + target[0, 0] * (margin or 0)  # at the edge
            x = torch.cat([a, b], dim=1)
            found += cases("_".join(["MarginRankingLoss", *options, size]), "MarginRankingLoss", x, target, options, parts=2)
            a, b = grid(gen, *shape), grid(gen, *shape)
            target = signs(shape[0])
            if shape[0] > 1:
                b[1], b[2], b[3] = a[1], 2 * a[2], -a[3]
                target[:4] = torch.tensor([1.0, -1, 1, -1])
                a[8], target[8] = 1000 * b[8], -1.0
            x = torch.cat([a, b], dim=1)
            found += cases("_".join(["CosineEmbeddingLoss", *options, size]), "CosineEmbeddingLoss", x, target, options, parts=2)
    a, b = torch.zeros(2, 4), torch.tensor([[1.0, 2, 3, 4], [0.0, 0, 0, 0]])
    x, target = torch.cat([a, b], dim=1), torch.tensor([1.0, -1.0])
    found += cases("CosineEmbeddingLoss_zeros", "CosineEmbeddingLoss", x, target, parts=2)

    for options in [{}, {"margin": 0.25}, {"swap": True}, {"margin": 3.0, "eps": 0.125}, {"swap": True, "margin": 0.5}]:
        for batch in [1, 9]:
            a, p, n = (grid(gen, batch, 4) for _ in range(3))
            if batch > 1:
                n[1] = a[1]
                p[2] = a[2] + 1 / 64
                n[3] = a[3] + 100
                n[4] = p[4]
                p[5], n[5] = a[5], a[5] + 1 / 8  # the negative is as far from both
            x = torch.cat([a, p, n], dim=1)
            name = "_".join(["TripletMarginLoss", *(f"{k}_{v}" for k, v in options.items()), str(batch)])
            found += cases(name, "TripletMarginLoss", x, None, options, parts=3)
    return found


def quantiles(gen):
    found = []
    options = {"quantiles": [0.125, 0.5, 0.75]}
    for shape in [[1, 3], [6, 3], [2, 2, 3]]:
        x, target = grid(gen, *shape, scale=1.5), grid(gen, *shape[:-1], scale=1.5)
        # Not at the bend, where the gradient is a choice.
        x[x == target.unsqueeze(-1)] += 1 / 64
        found += cases(f"QuantileLoss_{'x'.join(map(str, shape))}", "QuantileLoss", x, target, options)
    x, target = torch.tensor([[1e15, -1e15, 1e-15], [1e5, 100.0, 1e-3]]), torch.tensor([0.0, 99.5])
    found += cases("QuantileLoss_extreme", "QuantileLoss", x, target, options)
    return found


if __name__ == "__main__":
    gen = generator(700)
    write("losses_more.json", classes(gen) + differences(gen) + binary(gen) + distributions(gen) + embeddings(gen) + quantiles(gen))
