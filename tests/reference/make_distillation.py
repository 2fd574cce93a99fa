#!/usr/bin/env python3
"""Reference values from PyTorch for the losses of a student.

Run, from the root of the repository:

    pip install torch
    python3 tests/reference/make_distillation.py

It writes distillation.json next to itself: logits of student and teacher
`[BATCH, 4]`, labels, hidden layers `[BATCH, 2, 3]`, and the losses with their
gradients. The distillation is that of PyTorch's tutorial on knowledge
distillation, `weight * T^2 * KL(teacher || student) + (1 - weight) * CE`.
"""

import json
from pathlib import Path

import torch
from torch.nn import functional as F

HERE = Path(__file__).parent
BATCH = 5


def numbers(tensor):
    return [float(f"{value:.14g}") for value in tensor.detach().flatten().tolist()]


def main():
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    student = (2 * torch.randn(BATCH, 4)).requires_grad_()
    teacher = 3 * torch.randn(BATCH, 4)
    labels = torch.randint(4, (BATCH,))

    distillations = []
    for temperature, weight in [(1.0, 0.5), (4.0, 0.9), (2.5, 1.0), (3.0, 0.0)]:
        soft = F.kl_div(
            F.log_softmax(student / temperature, -1),
            F.softmax(teacher / temperature, -1),
            reduction="batchmean",
        )
        loss = weight * temperature**2 * soft + (1 - weight) * F.cross_entropy(student, labels)
        (gradient,) = torch.autograd.grad(loss, student)
        distillations.append(
            {
                "temperature": temperature,
                "weight": weight,
                "loss": loss.item(),
                "gradient": numbers(gradient),
            }
        )

    hidden = torch.randn(BATCH, 2, 3).requires_grad_()
    of_teacher = torch.randn(BATCH, 2, 3)
    of_teacher[1, 0] = 0
    cosine = (1 - F.cosine_similarity(hidden, of_teacher, dim=-1)).mean()
    (of_cosine,) = torch.autograd.grad(cosine, hidden)

    case = {
        "student": numbers(student),
        "teacher": numbers(teacher),
        "labels": labels.tolist(),
        "distillations": distillations,
        "hidden": numbers(hidden),
        "hidden_of_teacher": numbers(of_teacher),
        "cosine": cosine.item(),
        "cosine_gradient": numbers(of_cosine),
    }
    (HERE / "distillation.json").write_text(json.dumps(case) + "\n")


if __name__ == "__main__":
    main()
