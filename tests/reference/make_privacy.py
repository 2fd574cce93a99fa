"""Makes `privacy.json`: what Opacus's accountant says of some histories, the noise that it finds, and the parameters after
steps of DP-SGD.

    pip install opacus==1.6.0 torch
    python tests/reference/make_privacy.py
"""

import json
import pathlib
import warnings

import opacus
import torch
from opacus import GradSampleModule
from opacus.accountants import RDPAccountant
from opacus.accountants.utils import get_noise_multiplier
from opacus.optimizers import DPOptimizer
from torch import nn

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent


def accountant():
    cases = []
    histories = [[(sigma, rate, steps)] for sigma in (0.4, 0.8, 1.1, 3.0, 20.0) for rate in (0.0005, 0.01, 0.2)
                 for steps in (1, 300, 20000)]
    histories += [
        [(1.0, 1.0, 5)],
        [(4.0, 1.0, 100)],
        [(2.0, 0.0, 100)],
        [(1.0, 0.9, 10)],
        [(1.1, 0.01, 100), (0.7, 0.02, 50), (1.1, 0.01, 100)],
    ]
    for history in histories:
        for delta in (1e-5, 1e-8):
            own = RDPAccountant()
            own.history = history
            epsilon, alpha = own.get_privacy_spent(delta=delta)
            alphas = [1.25, 2, 2.5, 7.75, 32, 256]
            at = own.get_privacy_spent(delta=delta, alphas=alphas)[0]
            cases.append({"history": history, "delta": delta, "epsilon": epsilon, "order": alpha, "orders": alphas, "at": at})
    return cases


def searches():
    return [
        {
            "epsilon": epsilon, "delta": delta, "sample_rate": rate, "steps": steps, "tolerance": tolerance,
            "noise": get_noise_multiplier(target_epsilon=epsilon, target_delta=delta, sample_rate=rate, steps=steps,
                                          accountant="rdp", epsilon_tolerance=tolerance),
        }
        for epsilon, delta, rate, steps, tolerance in [
            (1.0, 1e-5, 0.01, 1000, 0.01), (3.0, 1e-5, 0.02, 500, 0.01), (8.0, 1e-6, 0.05, 3000, 0.001), (0.3, 1e-5, 0.001, 20, 0.01)
        ]
    ]


def numbers(tensor):
    return tensor.detach().flatten().tolist()


def training():
    """Three steps without noise, of batches of other lengths than expected; some samples are clipped, others are not."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 3)).double()
    before = {name: numbers(p) for name, p in net.named_parameters()}
    module = GradSampleModule(net)
    optimizer = DPOptimizer(torch.optim.SGD(module.parameters(), lr=0.5, momentum=0.9), noise_multiplier=0.0, max_grad_norm=1.6,
                            expected_batch_size=5)
    steps = []
    for length in (7, 3, 1):
        x = torch.randn(length, 4, dtype=torch.float64)
        labels = torch.randint(0, 3, (length,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x), labels).backward()
        norms = torch.stack([p.grad_sample.flatten(1).norm(dim=1) for p in module.parameters()]).norm(dim=0)
        optimizer.step()
        steps.append({"x": numbers(x), "labels": labels.tolist(), "clipped": int((norms > 1.6).sum()),
                      "after": {name: numbers(p) for name, p in net.named_parameters()}})
    return {"before": before, "steps": steps}


if __name__ == "__main__":
    case = {"opacus": opacus.__version__, "accountant": accountant(), "noise": searches(), "training": training()}
    (HERE / "privacy.json").write_text(json.dumps(case, indent=None, separators=(",", ":")) + "\n")
