#!/usr/bin/env python3
"""Reference values from PyTorch for the tests of shapewright.

Run, from the root of the repository:

    pip install torch numpy
    python3 tests/reference/make_reference.py

It writes, next to itself:

    layers.json        Linear, Flatten and layers of sequences, forward and
                       backward
    layers_large.json  Linear at sizes that reach every edge of the blocked
                       kernels, in small whole numbers (see "exact")
    activations.json   ReLU, Tanh, Sigmoid, GELU, Softmax, forward and backward
    losses.json        every loss, value and gradient
    optimizers.json    ten steps of SGD and Adam on fixed gradients
    training.json      ten steps of training of three small networks

The files in the repository were made with torch 2.15.0 and numpy 2.4.6 on
CPU, one thread. The script is seeded, so a second run writes the same
inputs; the last digit of a result may differ with another processor or
another version of PyTorch. A case of the file that differs in no more than
that is kept as it is.

Format
------
A file is {"torch": version, "cases": [case, ...]}. All arrays are flat, in
row-major order; their shapes are under "shapes", by the same name, batch
axis first. Parameters have PyTorch's layout: weight [out, in], bias [out].

Inputs (x, g, target, weight, bias, params, grads, and the initial
parameters of a network) are f32 numbers printed so that they read back as
the same number in f32 and in f64. Results come twice: computed in f32 (name
as is; shortest decimals that read back as the same f32) and computed in f64
from the same inputs (name + "_f64"; 13 digits). Names that do not apply to
a case are absent.

layers.json, layers_large.json, activations.json
    name, kind       "Linear", "Flatten", "SelectLast", "Transpose", "Permute",
                     "ReLU", "Tanh", "Sigmoid", "GELU" (the exact one, with erf),
                     "Softmax" (over the last axis)
    shapes           of x, y (that of g too), weight, bias
    x, g             the input; the gradient of the loss with respect to y
    weight, bias     Linear only; without bias, "bias" is absent
    y, grad_x, grad_weight, grad_bias    with their _f64 copies
    exact            true where inputs are so short that all sums fit in an
                     f32 whatever their order: results must be equal, not
                     close, in f32 and in f64; these have no _f64 copies
    The gradient of ReLU at zero is zero.

losses.json
    name, kind       "MSELoss", "CrossEntropyLoss", "BCEWithLogitsLoss"
    reduction        "mean" or "sum". The mean of MSE and BCE is over all
                     elements, that of cross-entropy over the batch
    shapes           of x and target
    x, target        outputs of the network (logits for the last two), and
                     targets: numbers of x's shape, or one class index
                     (whole number) for each sample
    value, grad_x    with their _f64 copies; value is a single number

optimizers.json
    name, kind       "SGD" or "Adam"
    options          SGD: lr, momentum, dampening, nesterov, weight_decay;
                     Adam: lr, beta1, beta2, eps, weight_decay (L2: added to
                     the gradient, as in torch.optim.Adam)
    steps            10
    shapes           params [37], grads [10, 37], after [10, 37]
    params           before the first step
    grads            the gradient of each step
    after, after_f64 params after each step

training.json
    name, kind       "training"
    layers           [{"kind": "Linear", "in": 12, "out": 9}, {"kind": "Tanh"},
                     ...]
    loss, reduction  as in losses.json
    optimizer        {"kind": ..., "options": {...}} as in optimizers.json
    steps, batch     10, 16
    shapes           of x [steps, batch, in], target, and each parameter
    x, target        step by step
    initial          {"0.weight": [...], "0.bias": [...], "2.weight": ...}:
                     the number is the layer's place in "layers"
    losses           the loss of each step, before its update
    final            the parameters after the last step, as "initial"; both
                     with _f64 copies
"""

import copy
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).resolve().parent
torch.set_num_threads(1)


# ------------------------------------------------------------- random inputs


def generator(seed):
    return torch.Generator().manual_seed(seed)


def normal(gen, *shape, scale=1.0):
    """Normal numbers with so many digits that sums of products round in f32."""
    return grid(gen, *shape, scale=scale, step=1 / 8192)


def grid(gen, *shape, scale=1.0, step=1 / 64):
    """Normal numbers rounded to multiples of a power of two: short to print."""
    return torch.round(torch.randn(*shape, generator=gen) * scale / step) * step


def coarse(gen, *shape, scale=1.0):
    """Multiples of 1/16, for cases whose results are exact."""
    return grid(gen, *shape, scale=scale, step=1 / 16)


def uniform_grid(gen, *shape, bound=1.0, step=1 / 256):
    numbers = (torch.rand(*shape, generator=gen) * 2 - 1) * bound
    return torch.round(numbers / step) * step


def whole(gen, *shape, bound=2):
    """Small whole numbers, for cases whose results are exact."""
    return torch.randint(-bound, bound + 1, shape, generator=gen).to(torch.float32)


# ------------------------------------------------------------------ printing


class Raw(float):
    """A float that prints as the text it was made with."""

    def __new__(cls, text):
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __repr__(self):
        return self.text


def shorten(text):
    return text[:-2] if text.endswith(".0") else text


def inputs(tensor):
    """Numbers that read back as the same number in f32 and in f64."""
    if not tensor.is_floating_point():
        return tensor.flatten().tolist()
    assert tensor.dtype == torch.float32
    return [Raw(shorten(repr(v + 0.0))) for v in tensor.detach().flatten().tolist()]


def results(tensor):
    """f32: shortest decimals that read back the same. f64: 13 digits."""
    array = tensor.detach().flatten().numpy() + 0.0  # no negative zeros
    assert np.isfinite(array).all()
    if array.dtype == np.float32:
        # numpy prints "1.e-05" for scalars as "1e-05": valid JSON.
        return [Raw(shorten(str(v))) for v in array]
    return [Raw(f"{v:.13g}") for v in array]


def dump(value):
    """JSON with numbers as given. json.dumps ignores a subclass's repr."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)}: {dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dump(v) for v in value) + "]"
    if isinstance(value, Raw):
        return value.text
    return json.dumps(value)


def agree(a, b, tolerance):
    """Whether two values are the same but for the last digits of their numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        close = lambda key: 1e-11 if key.endswith("_f64") else tolerance
        return a.keys() == b.keys() and all(agree(a[key], b[key], close(key)) for key in a)
    if not (isinstance(a, (list, tuple)) and isinstance(b, (list, tuple))):
        numbers = all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in (a, b))
        return a == b or numbers and abs(a - b) <= tolerance * max(abs(a), abs(b))
    if len(a) != len(b):
        return False
    try:
        a, b = np.array(a, float), np.array(b, float)
    except (TypeError, ValueError):
        return all(agree(x, y, tolerance) for x, y in zip(a, b))
    return a.size == 0 or bool(np.abs(a - b).max() <= tolerance * max(np.abs(a).max(), np.abs(b).max()))


def kept(name, cases):
    """The cases, each as the file has it if the two agree."""
    path = HERE / name
    text = path.read_text() if path.exists() else '{"cases": []}'
    old = {case["name"]: case for case in json.loads(text, parse_float=Raw)["cases"]}
    return [old[case["name"]] if agree(case, old.get(case["name"]), 2e-6) else case for case in cases]


def write(name, cases):
    version = torch.__version__.split("+")[0]
    body = ",\n".join(
        "{" + ",\n ".join(f"{json.dumps(k)}: {dump(v)}" for k, v in case.items()) + "}"
        for case in kept(name, cases)
    )
    text = f'{{"torch": "{version}", "cases": [\n{body}\n]}}\n'
    parsed = json.loads(text)
    assert len({c["name"] for c in parsed["cases"]}) == len(cases)
    (HERE / name).write_text(text)
    print(f"{name}: {len(cases)} cases, {len(text) / 1000:.0f} kB")


def spread(case, name):
    """How far the f32 result is from the f64 one, relative to the largest."""
    a, b = np.array(case[name], float), np.array(case[name + "_f64"], float)
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30))


# -------------------------------------------------------------------- layers


def run_layer(module, x, g):
    module = copy.deepcopy(module).to(x.dtype)
    x = x.clone().requires_grad_(True)
    y = module(x)
    y.backward(g.reshape(y.shape))
    out = {"y": y, "grad_x": x.grad}
    for name, parameter in module.named_parameters():
        out["grad_" + name] = parameter.grad
    return out


def layer_case(name, kind, module, x, make_g, exact=False):
    parameters = {k: v.detach().clone() for k, v in module.named_parameters()}
    with torch.no_grad():
        g = make_g(*module(x).shape)
    single = run_layer(module, x, g)
    double = run_layer(module, x.double(), g.double())
    shapes = {"x": list(x.shape), "y": list(single["y"].shape)}
    shapes |= {k: list(v.shape) for k, v in parameters.items()}
    case = {"name": name, "kind": kind, "exact": exact, "shapes": shapes}
    case |= {"x": inputs(x), "g": inputs(g)}
    case |= {k: inputs(v) for k, v in parameters.items()}
    if exact:
        case |= {k: inputs(v) for k, v in single.items()}
        assert all((single[k].double() == double[k]).all() for k in single)
    else:
        case |= {k: results(v) for k, v in single.items()}
        case |= {k + "_f64": results(v) for k, v in double.items()}
        # Softmax cancels in its gradient where one class takes nearly all.
        for k in single:
            assert spread(case, k) < 1e-5, (name, k, spread(case, k))
    return case


class Function(nn.Module):
    """A function of tensors as a module."""

    def __init__(self, f):
        super().__init__()
        self.f = f

    def forward(self, x):
        return self.f(x)


def linear(n_in, n_out, weight, bias):
    module = nn.Linear(n_in, n_out, bias=bias is not None)
    with torch.no_grad():
        module.weight.copy_(weight)
        if bias is not None:
            module.bias.copy_(bias)
    return module


def linear_case(seed, n_in, n_out, lead, with_bias=True, draw=normal, exact=False):
    """Linear on an input of shape `lead` (batch first) + [n_in]."""
    gen = generator(seed)
    scale = {} if draw is whole else {"scale": 1 / math.sqrt(n_in)}
    weight = draw(gen, n_out, n_in, **scale)
    bias = draw(gen, n_out, **scale) if with_bias else None
    x = draw(gen, *lead, n_in)
    name = f"linear_{n_in}_{n_out}_of_{'x'.join(map(str, lead))}"
    name += "" if with_bias else "_no_bias"
    module = linear(n_in, n_out, weight, bias)
    return layer_case(name, "Linear", module, x, lambda *s: draw(gen, *s), exact)


def activation_inputs(gen, *shape):
    """Up to about 8 in size, with exact zeros and a few chosen numbers."""
    x = grid(gen, *shape, scale=2.5).clamp(-8, 8)
    flat = x.flatten()
    flat[::7] = 0.0
    chosen = torch.tensor([8.0, -8.0, 1 / 64, -1 / 64, 1.0, -1.0, 0.5, -5.0])
    places = torch.arange(len(chosen)) * 5 + 1
    keep = places < len(flat)
    flat[places[keep]] = chosen[keep]
    return flat.reshape(shape)


def layers():
    cases = []
    seed = 100
    for n_in, n_out, lead, with_bias in [
        (4, 3, [1], True),
        (4, 3, [3], True),
        (4, 3, [33], True),
        (4, 3, [1], False),
        (4, 3, [3], False),
        (4, 3, [33], False),
        (4, 3, [3, 5], True),  # per sample [5, 4]
        (4, 3, [3, 2, 5], True),  # per sample [2, 5, 4]
        (4, 3, [3, 2, 5], False),
        (1, 1, [3], True),
        (1, 5, [3], True),
        (5, 1, [3], True),
        (10, 17, [1], True),
        (10, 17, [3], True),
        (10, 17, [3], False),
        (10, 17, [3, 4], True),
    ]:
        cases.append(linear_case(seed, n_in, n_out, lead, with_bias))
        seed += 1
    cases.append(linear_case(seed, 37, 65, [3], draw=coarse, exact=True))

    gen = generator(150)
    for shape in [[1, 2, 3], [3, 4], [3, 2, 3, 4]]:
        name = f"flatten_{'x'.join(map(str, shape))}"
        draw = lambda *s: whole(gen, *s, bound=99)
        cases.append(layer_case(name, "Flatten", nn.Flatten(), draw(*shape), draw, True))

    gen = generator(151)
    draw = lambda *s: whole(gen, *s, bound=99)
    for kind, module, shapes in [
        ("SelectLast", Function(lambda x: x[:, -1]), [[1, 3, 4], [3, 3, 4], [3, 1, 5], [2, 7, 1]]),
        ("Transpose", Function(lambda x: x.transpose(1, 2)), [[1, 2, 3], [3, 2, 3], [3, 1, 5], [2, 17, 34]]),
    ]:
        for shape in shapes:
            name = f"{kind}_{'x'.join(map(str, shape))}"
            cases.append(layer_case(name, kind, module, draw(*shape), draw, True))
    gen = generator(152)
    for axes, shape in [
        ((1, 0), [3, 2, 5]),
        ((2, 0, 1), [3, 2, 3, 4]),
        ((0, 2, 1), [1, 2, 5, 3]),
        ((1, 2, 0), [2, 2, 3, 5]),
        ((3, 1, 0, 2), [2, 2, 3, 4, 5]),
        ((0, 2, 3, 1), [3, 2, 3, 2, 4]),
    ]:
        permute = Function(lambda x: x.permute(0, *(1 + axis for axis in axes)))
        name = f"Permute_{'_'.join(map(str, axes))}"
        cases.append(layer_case(name, "Permute", permute, draw(*shape), draw, True))
    write("layers.json", cases)

    large = [
        linear_case(180, 37, 65, [33], draw=whole, exact=True),
        linear_case(181, 37, 65, [1], with_bias=False, draw=whole, exact=True),
        linear_case(182, 130, 70, [33], draw=whole, exact=True),
    ]
    write("layers_large.json", large)


def activations():
    cases = []
    kinds = [
        ("relu", "ReLU", nn.ReLU),
        ("tanh", "Tanh", nn.Tanh),
        ("sigmoid", "Sigmoid", nn.Sigmoid),
        ("gelu", "GELU", nn.GELU),
        ("softmax", "Softmax", lambda: nn.Softmax(dim=-1)),
    ]
    for seed, (name, kind, make) in enumerate(kinds, 160):
        gen = generator(seed)
        for shape in [[1, 7], [3, 17], [33, 5], [3, 2, 9], [3, 2, 3, 4]]:
            x = activation_inputs(gen, *shape)
            full = f"{name}_{'x'.join(map(str, shape))}"
            cases.append(layer_case(full, kind, make(), x, lambda *s: grid(gen, *s)))

    # Softmax where a plain exp would overflow, and of equal numbers.
    gen = generator(170)
    x = torch.tensor(
        [[50.0, -50.0, 0.0, 49.0], [-90.0, -91.0, -92.0, -90.5], [3.0, 3.0, 3.0, 3.0], [1000.0, 998.0, 0.0, -1000.0]]
    )
    softmax = nn.Softmax(dim=-1)
    cases.append(layer_case("softmax_extreme", "Softmax", softmax, x, lambda *s: grid(gen, *s)))
    write("activations.json", cases)


# -------------------------------------------------------------------- losses

LOSSES = {
    "MSELoss": nn.MSELoss,
    "CrossEntropyLoss": nn.CrossEntropyLoss,
    "BCEWithLogitsLoss": nn.BCEWithLogitsLoss,
}


def run_loss(loss, x, target):
    x = x.clone().requires_grad_(True)
    value = loss(x, target)
    value.backward()
    return value, x.grad


def loss_cases(name, kind, x, target):
    for reduction in ["mean", "sum"]:
        loss = LOSSES[kind](reduction=reduction)
        value, grad = run_loss(loss, x, target)
        target64 = target.double() if target.is_floating_point() else target
        value64, grad64 = run_loss(loss, x.double(), target64)
        case = {
            "name": f"{name}_{reduction}",
            "kind": kind,
            "reduction": reduction,
            "shapes": {"x": list(x.shape), "target": list(target.shape)},
            "x": inputs(x),
            "target": inputs(target),
            "value": results(value)[0],
            "grad_x": results(grad),
            "value_f64": results(value64)[0],
            "grad_x_f64": results(grad64),
        }
        for k in ["value", "grad_x"]:
            assert spread(case, k) < 2e-6, (name, k, spread(case, k))
        yield case


def losses():
    cases = []
    gen = generator(200)
    for shape in [[1, 1], [1, 4], [3, 5], [33, 2], [3, 2, 4]]:
        size = "x".join(map(str, shape))
        x, target = grid(gen, *shape, scale=2), grid(gen, *shape, scale=2)
        x.flatten()[0] = target.flatten()[0]  # one difference of zero
        cases += loss_cases(f"mse_{size}", "MSELoss", x, target)

    for classes in [3, 10]:
        for batch in [1, 3, 33]:
            x = grid(gen, batch, classes, scale=2)
            target = torch.randint(0, classes, (batch,), generator=gen)
            cases += loss_cases(f"cross_entropy_{batch}x{classes}", "CrossEntropyLoss", x, target)
    x = torch.tensor(
        [[50.0, -50.0, 0.0], [50.0, -50.0, 0.0], [-50.0, -50.0, -50.0], [50.0, 50.0, 50.0], [0.0, 0.0, 0.0], [49.5, 50.0, -50.0]]
    )
    target = torch.tensor([0, 1, 2, 0, 1, 0])
    cases += loss_cases("cross_entropy_extreme_6x3", "CrossEntropyLoss", x, target)
    x = (grid(gen, 3, 10, scale=1) * 50).clamp(-50, 50)
    x[0, 3], x[1, 4], x[2, 5] = 50.0, -50.0, 0.0
    cases += loss_cases("cross_entropy_extreme_3x10", "CrossEntropyLoss", x, torch.tensor([3, 4, 5]))

    for shape in [[1, 1], [3, 4], [33, 2], [3, 2, 4]]:
        size = "x".join(map(str, shape))
        x = grid(gen, *shape, scale=3)
        target = torch.randint(0, 2, shape, generator=gen).to(torch.float32)
        cases += loss_cases(f"bce_with_logits_{size}", "BCEWithLogitsLoss", x, target)
    x, target = grid(gen, 3, 5, scale=3), torch.rand(3, 5, generator=gen)
    target = torch.round(target * 64) / 64
    cases += loss_cases("bce_with_logits_soft_3x5", "BCEWithLogitsLoss", x, target)
    x = torch.tensor([[50.0, 50.0, -50.0, -50.0], [0.0, 0.0, 50.0, -50.0], [20.0, -20.0, 20.0, -20.0]])
    target = torch.tensor([[1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.25, 0.25], [1.0, 1.0, 0.0, 0.0]])
    cases += loss_cases("bce_with_logits_extreme_3x4", "BCEWithLogitsLoss", x, target)
    write("losses.json", cases)


# ---------------------------------------------------------------- optimizers

SGD = {"lr": 0.1, "momentum": 0.0, "dampening": 0.0, "nesterov": False, "weight_decay": 0.0}
ADAM = {"lr": 1e-2, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0}


def make_optimizer(kind, options, parameters):
    if kind == "SGD":
        return torch.optim.SGD(parameters, **options)
    options = dict(options)
    betas = (options.pop("beta1"), options.pop("beta2"))
    return torch.optim.Adam(parameters, betas=betas, **options)


def run_optimizer(kind, options, params, grads):
    p = params.clone().requires_grad_(True)
    optimizer = make_optimizer(kind, options, [p])
    after = []
    for g in grads:
        p.grad = g.clone()
        optimizer.step()
        after.append(p.detach().clone())
    return torch.stack(after)


def optimizers():
    gen = generator(300)
    params = grid(gen, 37, step=1 / 1024)
    # Gradients of very different sizes, some zero; the first elements are
    # zero in the first steps, or always.
    grads = grid(gen, 10, 37, step=1 / 1024)
    grads *= torch.tensor([1.0, 1 / 16, 1 / 1024, 4.0, 1 / 65536]).repeat(8)[:37]
    grads[:, 0] = 0.0
    grads[:3, 1] = 0.0
    cases = []
    for name, kind, changes in [
        ("sgd", "SGD", {}),
        ("sgd_momentum", "SGD", {"momentum": 0.9}),
        ("sgd_nesterov", "SGD", {"momentum": 0.9, "nesterov": True}),
        ("sgd_dampening", "SGD", {"momentum": 0.9, "dampening": 0.1}),
        ("sgd_momentum_weight_decay", "SGD", {"momentum": 0.9, "weight_decay": 1e-2}),
        ("sgd_weight_decay", "SGD", {"weight_decay": 1e-2}),
        ("sgd_nesterov_weight_decay", "SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}),
        ("adam", "Adam", {}),
        ("adam_betas_eps", "Adam", {"beta1": 0.8, "beta2": 0.99, "eps": 1e-6}),
        ("adam_weight_decay", "Adam", {"weight_decay": 1e-2}),
    ]:
        options = (SGD if kind == "SGD" else ADAM) | changes
        after = run_optimizer(kind, options, params, grads)
        after64 = run_optimizer(kind, options, params.double(), grads.double())
        case = {
            "name": name,
            "kind": kind,
            "options": options,
            "steps": 10,
            "shapes": {"params": [37], "grads": [10, 37], "after": [10, 37]},
            "params": inputs(params),
            "grads": inputs(grads),
            "after": results(after),
            "after_f64": results(after64),
        }
        assert spread(case, "after") < 2e-6, (name, spread(case, "after"))
        cases.append(case)
    write("optimizers.json", cases)


# ------------------------------------------------------------------ training

ACTIVATIONS = {"ReLU": nn.ReLU, "Tanh": nn.Tanh, "Sigmoid": nn.Sigmoid, "GELU": nn.GELU}


def train(layers, loss, optimizer, initial, x, target, dtype):
    modules = [
        nn.Linear(layer["in"], layer["out"]) if layer["kind"] == "Linear" else ACTIVATIONS[layer["kind"]]()
        for layer in layers
    ]
    net = nn.Sequential(*modules)
    net.load_state_dict(initial)
    net = net.to(dtype)
    loss = LOSSES[loss](reduction="mean")
    optimizer = make_optimizer(optimizer["kind"], optimizer["options"], net.parameters())
    if target.is_floating_point():
        target = target.to(dtype)
    values = []
    for xs, ts in zip(x.to(dtype), target):
        optimizer.zero_grad()
        value = loss(net(xs), ts)
        value.backward()
        optimizer.step()
        values.append(value.detach())
    return torch.stack(values), {k: v.detach() for k, v in net.named_parameters()}


def training_case(seed, name, sizes, activations, loss, kind, changes):
    gen = generator(seed)
    steps, batch = 10, 16
    layers, initial = [], {}
    for i, (n_in, n_out) in enumerate(zip(sizes, sizes[1:])):
        place = len(layers)
        bound = 1 / math.sqrt(n_in)
        initial[f"{place}.weight"] = uniform_grid(gen, n_out, n_in, bound=bound)
        initial[f"{place}.bias"] = uniform_grid(gen, n_out, bound=bound)
        layers.append({"kind": "Linear", "in": n_in, "out": n_out})
        if i < len(activations):
            layers.append({"kind": activations[i]})
    x = grid(gen, steps, batch, sizes[0], step=1 / 16)
    if loss == "CrossEntropyLoss":
        target = torch.randint(0, sizes[-1], (steps, batch), generator=gen)
    elif loss == "BCEWithLogitsLoss":
        target = torch.randint(0, 2, (steps, batch, sizes[-1]), generator=gen).to(torch.float32)
    else:
        target = grid(gen, steps, batch, sizes[-1], step=1 / 16)
    optimizer = {"kind": kind, "options": (SGD if kind == "SGD" else ADAM) | changes}
    values, final = train(layers, loss, optimizer, initial, x, target, torch.float32)
    values64, final64 = train(layers, loss, optimizer, initial, x, target, torch.float64)
    case = {
        "name": name,
        "kind": "training",
        "layers": layers,
        "loss": loss,
        "reduction": "mean",
        "optimizer": optimizer,
        "steps": steps,
        "batch": batch,
        "shapes": {"x": list(x.shape), "target": list(target.shape)}
        | {k: list(v.shape) for k, v in initial.items()},
        "x": inputs(x),
        "target": inputs(target),
        "initial": {k: inputs(v) for k, v in initial.items()},
        "losses": results(values),
        "final": {k: results(v) for k, v in final.items()},
        "losses_f64": results(values64),
        "final_f64": {k: results(v) for k, v in final64.items()},
    }
    worst = max(float((final[k].double() - final64[k]).abs().max()) for k in final)
    print(f"  {name}: f32 and f64 parameters differ by at most {worst:.1e} after {steps} steps")
    assert worst < 2e-5 and spread(case, "losses") < 2e-6
    return case


def training():
    write(
        "training.json",
        [
            training_case(
                400, "tanh_relu_cross_entropy_adam", [12, 9, 7, 4], ["Tanh", "ReLU"],
                "CrossEntropyLoss", "Adam", {"lr": 1e-2},
            ),
            training_case(
                401, "gelu_mse_sgd_nesterov", [6, 20, 5], ["GELU"],
                "MSELoss", "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True},
            ),
            training_case(
                402, "sigmoid_relu_bce_sgd_momentum", [20, 40, 30, 10], ["Sigmoid", "ReLU"],
                "BCEWithLogitsLoss", "SGD", {"lr": 0.1, "momentum": 0.9},
            ),
        ],
    )


if __name__ == "__main__":
    layers()
    activations()
    losses()
    optimizers()
    training()
