#!/usr/bin/env python3
"""Reference values from PyTorch for all optimizers and schedules.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_optim.py

It writes, next to itself, optim.json and schedules.json. Made with torch 2.15.0.

optim.json
    params           19 parameters before the first step
    grads            [10, 19]: the gradient of each step
    cases            name; kind: the class in torch.optim, or "Lion"; options: those that are not PyTorch's defaults,
                     with lr; after: [10, 19], the parameters after each step, computed in f64 from the same numbers
    averages         name; kind: "ema", "ema_corrected" or "swa" of torch.optim.swa_utils.AveragedModel (the corrected
                     one by its definition); decay; after: [10, 19], averages of the parameters grads[0], grads[1], ..
    clips            kind: "norm" or "value" of torch.nn.utils.clip_grad_*_; limit; of grads[i] for each i: norms, before
                     clipping, and after: [10, 19]

schedules.json
    cases            name; kind: the class in torch.optim.lr_scheduler; options; lr: the learning rate of each step,
                     and momentum where the schedule has one. Those of ReduceLROnPlateau: metrics, and lr after each
"""

import json
from pathlib import Path

import torch
from torch.optim import lr_scheduler, swa_utils

TABLES = ("cases", "averages", "clips")
HERE = Path(__file__).resolve().parent
torch.set_num_threads(1)


def numbers(tensor):
    return [float(f"{x:.13g}") for x in tensor.flatten().tolist()]


def write(name, content):
    head = {k: v for k, v in content.items() if k not in TABLES}
    parts = [f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in head.items()]
    for key in TABLES:
        if key in content:
            rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in content[key])
            parts.append(f"{json.dumps(key)}: [\n{rows}\n]")
    text = "{" + ",\n".join(parts) + "}\n"
    (HERE / name).write_text(text)
    print(f"{name}: {len(content['cases'])} cases, {len(text) / 1000:.0f} kB")


# ---------------------------------------------------------------- optimizers


class Lion(torch.optim.Optimizer):
    """Chen et al., 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2."""

    def __init__(self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                g = -p.grad if group["maximize"] else p.grad
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                update = torch.sign(beta1 * m + (1 - beta1) * g) + group["weight_decay"] * p
                p.sub_(group["lr"] * update)
                m.copy_(beta2 * m + (1 - beta2) * g)


def run(kind, options, params, grads):
    # NAdam and others keep scalars in the default type.
    torch.set_default_dtype(params.dtype)
    p = params.clone().requires_grad_(True)
    make = Lion if kind == "Lion" else getattr(torch.optim, kind)
    optimizer = make([p], **options)
    after = []
    for g in grads:
        p.grad = g.clone()
        optimizer.step()
        after.append(p.detach().clone())
    torch.set_default_dtype(torch.float32)
    return torch.stack(after)


def optimizers():
    gen = torch.Generator().manual_seed(500)
    grid = lambda *shape: torch.round(torch.randn(*shape, generator=gen) * 1024) / 1024
    params, grads = grid(19), grid(10, 19)
    # Gradients of very different sizes, some zero; the first elements are zero in the first steps, or always.
    grads *= torch.tensor([1.0, 1 / 16, 1 / 1024, 4.0, 1 / 65536]).repeat(4)[:19]
    grads[:, 0] = 0.0
    grads[:3, 1] = 0.0
    adams = [{}, {"betas": (0.8, 0.99), "eps": 1e-6}, {"weight_decay": 0.1}, {"maximize": True}]
    decoupled = {"weight_decay": 0.1, "decoupled_weight_decay": True}
    amsgrad = {"amsgrad": True, "betas": (0.9, 0.5)}
    momentum = {"momentum": 0.9}
    cases = []
    for kind, lr, changes in [
        ("SGD", 0.1, [{"maximize": True, "weight_decay": 0.1}, momentum | {"maximize": True, "nesterov": True}]),
        ("Adam", 1e-2, [{"maximize": True}, amsgrad, amsgrad | {"weight_decay": 0.1, "maximize": True}, decoupled]),
        ("AdamW", 1e-2, adams + [amsgrad, amsgrad | {"weight_decay": 0.1, "maximize": True}]),
        ("NAdam", 1e-2, adams + [decoupled, {"momentum_decay": 0.5}]),
        # With a beta2 of 0.9, the deviation is used from some step on; with 0.6, it never is.
        ("RAdam", 1e-2, adams + [decoupled, {"betas": (0.9, 0.9)}, {"betas": (0.9, 0.6)}]),
        ("Adamax", 1e-2, adams),
        (
            "Adagrad",
            1e-2,
            [{}, {"lr_decay": 0.1}, {"initial_accumulator_value": 0.5}]
            + [{"eps": 1e-3, "weight_decay": 0.1, "maximize": True}],
        ),
        ("Adadelta", 1.0, [{}, {"rho": 0.5, "eps": 1e-3}, {"weight_decay": 0.1}, {"maximize": True}]),
        (
            "RMSprop",
            1e-2,
            [{}, {"alpha": 0.5, "eps": 1e-3}, {"centered": True}, momentum, momentum | {"centered": True}]
            + [momentum | {"centered": True, "weight_decay": 0.1, "maximize": True}],
        ),
        ("Lion", 1e-2, [{}, {"betas": (0.7, 0.5)}, {"weight_decay": 0.1}, {"maximize": True}]),
    ]:
        for options in changes:
            options = {"lr": lr} | options
            after32 = run(kind, options, params, grads)
            after = run(kind, options, params.double(), grads.double())
            off = float((after32.double() - after).abs().max() / after.abs().max())
            assert off < 3e-6, (kind, options, off)
            name = "_".join([kind, *(f"{k}={v}" for k, v in options.items())])
            cases.append({"name": name, "kind": kind, "options": options, "after": numbers(after)})
    write(
        "optim.json",
        {
            "torch": torch.__version__.split("+")[0],
            "params": numbers(params),
            "grads": numbers(grads),
            "cases": cases,
            "averages": averages(grads.double()),
            "clips": clips(grads.double()),
        },
    )


# ------------------------------------------------------------------ averages


def averages(models):
    cases = []
    for kind, decay in [("ema", 0.9), ("ema", 0.3), ("ema_corrected", 0.9), ("swa", 0.0)]:
        after = []
        if kind == "ema_corrected":
            total = torch.zeros_like(models[0])
            for n, model in enumerate(models, 1):
                total = decay * total + (1 - decay) * model
                after.append(total / (1 - decay**n))
        else:
            model = torch.nn.Linear(19, 1, bias=False).double()
            ema = {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(decay)} if kind == "ema" else {}
            average = swa_utils.AveragedModel(model, **ema)
            for values in models:
                with torch.no_grad():
                    model.weight.copy_(values[None])
                average.update_parameters(model)
                after.append(average.module.weight.detach().clone()[0])
        cases.append({"name": f"{kind}_{decay}", "kind": kind, "decay": decay, "after": numbers(torch.stack(after))})
    return cases


# ------------------------------------------------------------------ clipping


def clips(grads):
    cases = []
    for kind, limit in [("norm", 0.5), ("norm", 8.0), ("value", 0.25)]:
        p = torch.zeros(19, dtype=torch.float64, requires_grad=True)
        norms, after = [], []
        for g in grads:
            p.grad = g.clone()
            norms.append(float(p.grad.norm()))
            if kind == "norm":
                torch.nn.utils.clip_grad_norm_([p], limit)
            else:
                torch.nn.utils.clip_grad_value_([p], limit)
            after.append(p.grad.clone())
        cases.append({"kind": kind, "limit": limit, "norms": norms, "after": numbers(torch.stack(after))})
    return cases


# ----------------------------------------------------------------- schedules


def follow(make, lr=0.1, steps=60):
    """Learning rates and momenta of each step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)
    scheduler = make(optimizer)
    lrs, momenta = [], []
    for step in range(steps):
        if step > 0:
            optimizer.step()
            scheduler.step()
        lrs.append(float(optimizer.param_groups[0]["lr"]))
        momenta.append(optimizer.param_groups[0]["momentum"])
    return lrs, momenta


def schedules():
    cases = []
    for kind, steps, changes in [
        ("StepLR", 60, [{"step_size": 7}, {"step_size": 7, "gamma": 0.5}]),
        ("MultiStepLR", 60, [{"milestones": [5, 5, 9, 30]}, {"milestones": [0, 9], "gamma": 0.5}]),
        ("ExponentialLR", 60, [{"gamma": 0.9}]),
        ("PolynomialLR", 30, [{"total_iters": 5}, {"total_iters": 20, "power": 2.5}]),
        ("LinearLR", 30, [{"total_iters": 5}, {"total_iters": 20, "start_factor": 0.75, "end_factor": 0.25}]),
        ("ConstantLR", 30, [{}, {"factor": 0.5, "total_iters": 20}]),
        ("CosineAnnealingLR", 60, [{"T_max": 11}, {"T_max": 24, "eta_min": 0.01}]),
        (
            "CosineAnnealingWarmRestarts",
            60,
            [{"T_0": 7}, {"T_0": 7, "T_mult": 2}, {"T_0": 3, "T_mult": 3, "eta_min": 0.01}],
        ),
        (
            "CyclicLR",
            60,
            [
                {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 7} | more
                for more in [
                    {},
                    {"step_size_down": 4},
                    {"mode": "triangular2", "step_size_down": 9},
                    {"mode": "exp_range", "gamma": 0.95, "base_momentum": 0.7, "max_momentum": 0.99},
                ]
            ],
        ),
        (
            "OneCycleLR",
            50,
            [
                {"max_lr": 0.5, "total_steps": 50} | more
                for more in [
                    {},
                    {"pct_start": 0.43, "anneal_strategy": "linear"},
                    {"three_phase": True, "div_factor": 10.0, "final_div_factor": 100.0},
                    {"three_phase": True, "anneal_strategy": "linear", "pct_start": 0.25},
                    {"pct_start": 0.0, "base_momentum": 0.7, "max_momentum": 0.99},
                    {"pct_start": 1.0},
                ]
            ],
        ),
    ]:
        for options in changes:
            lrs, momenta = follow(lambda optimizer: getattr(lr_scheduler, kind)(optimizer, **options), steps=steps)
            name = "_".join([kind, *(f"{k}={v}" for k, v in options.items())])
            case = {"name": name, "kind": kind, "options": options, "lr": lrs}
            if kind in ("CyclicLR", "OneCycleLR"):
                case["momentum"] = momenta
            cases.append(case)

    warm_up = lambda o: lr_scheduler.LinearLR(o, start_factor=0.01, total_iters=9)
    cosine = lambda o: lr_scheduler.CosineAnnealingLR(o, T_max=20)
    exponential = lambda o: lr_scheduler.ExponentialLR(o, gamma=0.9)
    slow = lambda o: lr_scheduler.ExponentialLR(o, gamma=0.95)
    constant = lambda o: lr_scheduler.ConstantLR(o, factor=0.5, total_iters=6)
    step = lambda o: lr_scheduler.StepLR(o, step_size=4)
    for name, make in [
        ("warm_up", lambda o: lr_scheduler.SequentialLR(o, [warm_up(o), cosine(o)], milestones=[9])),
        (
            "sequence",
            lambda o: lr_scheduler.SequentialLR(o, [constant(o), exponential(o), step(o)], milestones=[8, 20]),
        ),
        ("chain", lambda o: lr_scheduler.ChainedScheduler([constant(o), exponential(o)], optimizer=o)),
        ("chain_cosine", lambda o: lr_scheduler.ChainedScheduler([cosine(o), slow(o)], optimizer=o)),
    ]:
        cases.append({"name": name, "kind": name, "options": {}, "lr": follow(make)[0]})

    metrics = [9.0, 8.0, 8.0, 7.9999, 8.5, 7.0, 7.5, 7.2, 7.1, 6.5, 6.5, 6.5, 6.5, 6.5, 6.495, 6.4, 6.6, 6.6, 6.6]
    metrics += [6.6] * 12 + [5.0, 5.1, 5.2, 5.3, 5.4, 5.5]
    rising = [10 - metric for metric in metrics]
    absolute = {"threshold": 0.02, "threshold_mode": "abs"}
    for values, options in [
        (metrics, {}),
        (metrics, {"patience": 2}),
        (metrics, {"patience": 0, "factor": 0.5, "cooldown": 2}),
        (metrics, {"patience": 1, "min_lr": 0.004, "threshold": 0.05}),
        (metrics, {"patience": 1, "eps": 0.005} | absolute),
        (rising, {"mode": "max", "patience": 2, "threshold": 0.05}),
        (rising, {"mode": "max", "patience": 2} | absolute),
    ]:
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        scheduler = lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        lrs = []
        for metric in values:
            scheduler.step(metric)
            lrs.append(optimizer.param_groups[0]["lr"])
        name = "_".join(["ReduceLROnPlateau", *(f"{k}={v}" for k, v in options.items())])
        cases.append({"name": name, "kind": "ReduceLROnPlateau", "options": options, "metrics": values, "lr": lrs})
    write("schedules.json", {"torch": torch.__version__.split("+")[0], "cases": cases})


if __name__ == "__main__":
    optimizers()
    schedules()
