"""Writes losses.json beside itself: values and gradients of every loss, by PyTorch's functions and autograd in f64.

tests/losses.rs reads it. Run it again after a new loss: python tests/reference/losses.py (any PyTorch from 2.0 on).
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def numbers(seed, rows, columns, size=1.0):
    """Numbers in [-size, size] that an f32 holds, so that both implementations start from the same ones."""
    values = [[size * math.sin(2.399963 * (101 * seed + 37 * r + c + 1)) for c in range(columns)] for r in range(rows)]
    return torch.tensor(values).float().double()


def case(loss, output, z, targets, value, weights=None, **given):
    """One case: `value` takes logits to one loss a row; the gradient is that of the weighted sum of the rows."""
    weights = torch.ones(len(z)) if weights is None else weights
    z = z.clone().requires_grad_()
    losses = weights * value(z)
    losses.sum().backward()
    rows = {"logits": z.detach(), "targets": targets, "weights": weights, "values": losses.detach(), "gradients": z.grad}
    return {"loss": loss, "output": output, **{k: v.tolist() for k, v in rows.items()}, **given}


def smoothed(labels, classes, epsilon):
    return (1 - epsilon) * F.one_hot(labels, classes).double() + epsilon / classes


def softmaxes():
    labels = torch.tensor([2, 0, 1, 2])
    z, soft = numbers(1, 4, 3, 4.0), torch.softmax(numbers(2, 4, 3), 1).float().double()
    of_classes = torch.tensor([0.5, 2.0, 1.25])
    hard = smoothed(labels, 3, 0)
    yield case("cross-entropy", "softmax", z, hard, lambda z: F.cross_entropy(z, labels, reduction="none"),
               labels=labels.tolist(), smoothing=0.0)
    yield case("cross-entropy", "softmax", z, smoothed(labels, 3, 0.25),
               lambda z: F.cross_entropy(z, labels, label_smoothing=0.25, reduction="none"),
               labels=labels.tolist(), smoothing=0.25)
    # The weight of a class, as PyTorch has it: of the row without smoothing, of the class's term with it.
    row = case("cross-entropy", "softmax", z, hard,
               lambda z: F.cross_entropy(z, labels, weight=of_classes, reduction="none"))
    yield {**row, "weights": of_classes[labels].tolist()}
    yield case("cross-entropy", "softmax", z, smoothed(labels, 3, 0.25) * of_classes,
               lambda z: F.cross_entropy(z, labels, weight=of_classes, label_smoothing=0.25, reduction="none"))
    wide, truth = numbers(3, 2, 17, 80.0), torch.softmax(numbers(4, 2, 17), 1).float().double()
    yield case("cross-entropy", "softmax", wide, truth, lambda z: F.cross_entropy(z, truth, reduction="none"))

    def reference(z):
        return torch.cat([z, torch.zeros(len(z), 1)], 1)

    yield case("cross-entropy", "reference-softmax", z[:, :2], soft,
               lambda z: F.cross_entropy(reference(z), soft, reduction="none"))

    def kl(z):
        return F.kl_div(F.log_softmax(z, 1), soft, reduction="none").sum(1)

    yield case("kl", "softmax", z, soft, kl, torch.tensor([1.0, 0.5, 0.0, 3.0]))
    yield case("kl", "reference-softmax", z[:, :2], soft, lambda z: kl(reference(z)))

    def focal(z, gamma):
        p, log_p = F.softmax(z, 1), F.log_softmax(z, 1)
        return -(soft * (1 - p) ** gamma * log_p).sum(1)

    yield case("focal", "softmax", z, soft, lambda z: focal(z, 2))
    yield case("focal=1.5", "reference-softmax", z[:, :2], soft, lambda z: focal(reference(z), 1.5))


def elementwise():
    weights = torch.tensor([1.0, 0.5, 2.0])
    z, y = numbers(5, 3, 5, 3.0), numbers(6, 3, 5, 2.0)
    t, signs = (y + 2).div(4).float().double(), y.sign()
    counts = (3 * (y + 2)).round()

    def focal(z, gamma):
        p = torch.sigmoid(z)
        right = torch.where(t > 0.5, p, 1 - p)  # for hard targets, below
        return (1 - right) ** gamma * F.binary_cross_entropy_with_logits(z, (t > 0.5).double(), reduction="none")

    pinball = lambda e, tau: torch.maximum(tau * e, (tau - 1) * e)
    table = [
        ("binary-cross-entropy", "sigmoid", z, t, lambda z: F.binary_cross_entropy_with_logits(z, t, reduction="none")),
        ("binary-cross-entropy", "sigmoid", 25 * z, t,
         lambda z: F.binary_cross_entropy_with_logits(z, t, reduction="none")),
        ("focal", "sigmoid", z, (t > 0.5).double(), lambda z: focal(z, 2)),
        ("mse", "identity", z, y, lambda z: F.mse_loss(z, y, reduction="none")),
        ("mae", "identity", z, y, lambda z: F.l1_loss(z, y, reduction="none")),
        ("huber", "identity", z, y, lambda z: F.huber_loss(z, y, reduction="none")),
        ("huber", "identity", z, y, lambda z: F.smooth_l1_loss(z, y, reduction="none")),
        ("huber=2.5", "identity", z, y, lambda z: F.huber_loss(z, y, delta=2.5, reduction="none")),
        ("log-cosh", "identity", z, y, lambda z: torch.log(torch.cosh(z - y))),
        ("msle", "identity", z.abs() - 0.4, counts, lambda z: (torch.log1p(z) - torch.log1p(counts)) ** 2),
        ("poisson", "exp", z, counts, lambda z: F.poisson_nll_loss(z, counts, reduction="none")),
        ("quantile", "identity", z, y, lambda z: pinball(y - z, 0.5)),
        ("quantile=0.75", "identity", z, y, lambda z: pinball(y - z, 0.75)),
        ("hinge", "identity", z, signs, lambda z: F.relu(1 - signs * z)),
        ("squared-hinge", "identity", z, signs, lambda z: F.relu(1 - signs * z) ** 2),
    ]
    for loss, output, z, targets, value in table:
        yield case(loss, output, z.float().double(), targets, lambda z: value(z).mean(1), weights)
    labels = torch.tensor([1, 0, 1])
    one = smoothed(labels, 2, 0.5)[:, 1:]
    yield case("binary-cross-entropy", "sigmoid", numbers(7, 3, 1, 4.0), one,
               lambda z: F.binary_cross_entropy_with_logits(z, one, reduction="none").mean(1),
               labels=labels.tolist(), smoothing=0.5)


if __name__ == "__main__":
    cases = [*softmaxes(), *elementwise()]
    lines = ",\n".join("  " + json.dumps(case) for case in cases)
    Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n")
