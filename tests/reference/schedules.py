"""Factors of every schedule by PyTorch's schedulers, or by the source's equation where PyTorch has none:
schedules.py schedules.json

Each run is a schedule as the command line takes it, and the factor of each step. Written with PyTorch 2.15.
"""

import json
import math
import sys
import warnings

import torch
from torch.optim import lr_scheduler as torch_schedules

warnings.filterwarnings("ignore")
runs = []


def optimizer(rate=1.0):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)


def add(schedule, factors, per_epoch=1, warmup=0.0, losses=()):
    run = {"schedule": schedule, "warmup": warmup, "steps": len(factors), "per_epoch": per_epoch}
    runs.append({**run, "losses": list(losses), "factors": factors})


def by_torch(steps, make, rate=1.0):
    """The rate of each step, stepping the scheduler after each."""
    chosen = optimizer(rate)
    scheduler, rates = make(chosen), []
    for _ in range(steps):
        rates.append(chosen.param_groups[0]["lr"])
        chosen.step()
        scheduler.step()
    return rates


def by_epochs(epochs, per_epoch, make):
    """The same, stepping the scheduler after each epoch."""
    return [rate for rate in by_torch(epochs, make) for _ in range(per_epoch)]


def warmed(steps, make):
    """PyTorch's start of (n + 1) / steps, times another schedule."""
    linear = lambda o: torch_schedules.LinearLR(o, 1 / steps, total_iters=steps - 1)
    return lambda o: torch_schedules.ChainedScheduler([linear(o), make(o)])


add("constant", [1.0] * 5)
add("constant", by_torch(12, warmed(6, lambda o: torch_schedules.ConstantLR(o, 1.0))), 4, warmup=1.5)
for every, factor in [(10, 0.1), (3, 0.5)]:
    make = lambda o: torch_schedules.StepLR(o, every, factor)
    add(f"step(every={every}, factor={factor})", by_epochs(24, 5, make), 5)
make = lambda o: torch_schedules.MultiStepLR(o, [2, 5, 6], 0.3)
add("multi-step(at=2/5/6, factor=0.3)", by_epochs(9, 4, make), 4)
add("multi-step(at=2/5/6, factor=0.3)", by_torch(9, warmed(4, make)), 1, warmup=4)
for factor in [0.9, 1.25]:
    add(f"exponential={factor}", by_torch(20, lambda o: torch_schedules.ExponentialLR(o, factor)))
for power in [1.0, 2.0, 0.5]:
    make = lambda o: torch_schedules.PolynomialLR(o, 20, power)
    add(f"polynomial={power}", by_torch(20, make), 5)
# scikit-learn's invscaling: rate / t^power, counted from 1.
add("invscaling", [1 / math.sqrt(n) for n in range(1, 21)], 7)
add("invscaling=1.5", [1 / n**1.5 for n in range(1, 21)], 7)
for least in [0.0, 0.1]:
    make = lambda o: torch_schedules.CosineAnnealingLR(o, 20, least)
    add(f"cosine={least}", by_torch(20, make), 5)
# Not with another end than 0: PyTorch's cosine is a recursion from the last rate, which the start would disturb.
make = lambda o: torch_schedules.CosineAnnealingLR(o, 20)
add("cosine", by_torch(20, warmed(5, make)), 5, warmup=1)


def restarts(epochs, per_epoch, first, longer, least):
    chosen = optimizer()
    scheduler, rates = torch_schedules.CosineAnnealingWarmRestarts(chosen, first, longer, least), []
    for step in range(epochs * per_epoch):
        scheduler.step(step / per_epoch)
        rates.append(chosen.param_groups[0]["lr"])
    return rates


for first, longer, least in [(1, 2, 0.0), (3, 1, 0.05), (2, 3, 0.0)]:
    name = f"cosine-restarts(first={first}, longer={longer}, least={least})"
    add(name, restarts(16, 8, first, longer, least), 8)


def one_cycle(steps, rise, divisor, last_divisor):
    options = dict(total_steps=steps, pct_start=rise, div_factor=divisor, final_div_factor=last_divisor)
    make = lambda o: torch_schedules.OneCycleLR(o, 1.0, cycle_momentum=False, **options)
    return by_torch(steps, make)


add("one-cycle", one_cycle(50, 0.3, 25.0, 1e4), 10)
add("one-cycle(rise=0.45, start=0.1, end=0.001)", one_cycle(33, 0.45, 10.0, 100.0), 4)


def flat_cosine(steps, flat, least):
    falls = steps - flat
    parts = lambda o: [torch_schedules.ConstantLR(o, 1.0), torch_schedules.CosineAnnealingLR(o, falls, least)]
    return by_torch(steps, lambda o: torch_schedules.SequentialLR(o, parts(o), [flat]))


add("flat-cosine", flat_cosine(20, 15, 0.0), 5)
add("flat-cosine(flat=0.5, least=0.1)", flat_cosine(20, 10, 0.1), 5)
# Holzmueller, Grinsztajn, Steinwart 2024, "Better by Default", the learning rate schedule of RealMLP, with 4 cycles.
add("coslog4", [(1 - math.cos(2 * math.pi * math.log2(1 + 15 * n / 64))) / 2 for n in range(64)], 8)


def plateau(losses, factor, patience, threshold, cooldown, least):
    chosen = optimizer()
    options = dict(factor=factor, patience=patience, threshold=threshold, cooldown=cooldown, min_lr=least, eps=0.0)
    scheduler, rates = torch_schedules.ReduceLROnPlateau(chosen, **options), []
    for loss in losses:
        rates.append(chosen.param_groups[0]["lr"])
        scheduler.step(loss)
    return rates


losses = [2.0, 1.5, 1.4, 1.41, 1.4, 1.39, 1.3895, 1.2, 1.2, 1.3, 1.2, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.1, 1.0]
losses += [1.0] * 20
for numbers in [(0.1, 10, 1e-4, 0, 0.0), (0.5, 1, 1e-2, 2, 0.1), (0.3, 0, 0.0, 1, 0.0)]:
    names = ["factor", "patience", "threshold", "cooldown", "least"]
    text = ", ".join(f"{name}={number}" for name, number in zip(names, numbers))
    add(f"reduce-on-plateau({text})", plateau(losses, *numbers), losses=losses)

with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(run) for run in runs) + "\n]\n")
