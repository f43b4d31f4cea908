"""Ten steps of every optimiser by PyTorch in f64: what `crates/layerloop/src/optim/optimizer.rs` is tested against.

    python tests/reference/optimizers.py    # needs torch; writes optimizers.json beside this file

A run has two rows of four parameters: weights, which decay, and biases, which do not. What PyTorch lacks is written out below
from the equations of its paper: AdaBelief, OAdam (constants and form of Flux's Optimisers.jl), Lion.
"""

import json
from pathlib import Path

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
STEPS, ROWS, WIDTH = 10, 2, 4


class Written(torch.optim.Optimizer):
    """An optimiser by its rule: rule(w, g, state, t, lr), decay as its paper has it."""

    def __init__(self, params, lr, weight_decay, rule, decoupled=False):
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})
        self.rule, self.decoupled, self.t = rule, decoupled, 0

    @torch.no_grad()
    def step(self):
        self.t += 1
        for group in self.param_groups:
            lr, decay = group["lr"], group["weight_decay"]
            for w in group["params"]:
                g = w.grad if self.decoupled else w.grad + decay * w
                if self.decoupled:
                    w.mul_(1 - lr * decay)
                state = self.state[w]
                for name in "mvd":
                    state.setdefault(name, torch.zeros_like(w))
                self.rule(w, g, state, self.t, lr)


def ada_belief(betas=(0.9, 0.999), eps=1e-16):
    def rule(w, g, s, t, lr):
        s["m"] = betas[0] * s["m"] + (1 - betas[0]) * g
        s["v"] = betas[1] * s["v"] + (1 - betas[1]) * (g - s["m"]) ** 2 + eps
        m, v = s["m"] / (1 - betas[0] ** t), s["v"] / (1 - betas[1] ** t)
        w -= lr * m / (v.sqrt() + eps)

    return rule


def oadam(betas=(0.5, 0.9), eps=1e-8):
    def rule(w, g, s, t, lr):
        s["m"] = betas[0] * s["m"] + (1 - betas[0]) * g
        s["v"] = betas[1] * s["v"] + (1 - betas[1]) * g**2
        m, v = s["m"] / (1 - betas[0] ** t), s["v"] / (1 - betas[1] ** t)
        last, s["d"] = s["d"], lr * m / (v.sqrt() + eps)
        w -= 2 * s["d"] - last

    return rule


def lion(betas=(0.9, 0.99)):
    def rule(w, g, s, t, lr):
        w -= lr * (betas[0] * s["m"] + (1 - betas[0]) * g).sign()
        s["m"] = betas[1] * s["m"] + (1 - betas[1]) * g

    return rule


def torch_optim(name, **kwargs):
    return lambda params, lr, weight_decay: getattr(torch.optim, name)(params, lr=lr, weight_decay=weight_decay, **kwargs)


def written(rule, decoupled=False):
    return lambda params, lr, weight_decay: Written(params, lr, weight_decay, rule, decoupled)


BETAS = {"betas": (0.7, 0.95), "eps": 0.1}
UNUSUAL = "(beta_1=0.7, beta_2=0.95, epsilon=0.1)"
OPTIMIZERS = [
    ("sgd", 0.1, torch_optim("SGD")),
    ("momentum", 0.1, torch_optim("SGD", momentum=0.9)),
    ("momentum=0.5", 0.1, torch_optim("SGD", momentum=0.5)),
    ("nesterov", 0.1, torch_optim("SGD", momentum=0.9, nesterov=True)),
    ("nesterov=0.5", 0.1, torch_optim("SGD", momentum=0.5, nesterov=True)),
    ("rmsprop", 0.01, torch_optim("RMSprop")),
    ("rmsprop(alpha=0.8, epsilon=0.1)", 0.1, torch_optim("RMSprop", alpha=0.8, eps=0.1)),
    ("adagrad", 0.1, torch_optim("Adagrad")),
    ("adagrad=0.1", 0.3, torch_optim("Adagrad", eps=0.1)),
    ("adadelta", 1.0, torch_optim("Adadelta")),
    ("adadelta(rho=0.7, epsilon=0.01)", 0.5, torch_optim("Adadelta", rho=0.7, eps=0.01)),
    ("adam", 0.01, torch_optim("Adam")),
    ("adam" + UNUSUAL, 0.1, torch_optim("Adam", **BETAS)),
    ("adamw", 0.01, torch_optim("AdamW")),
    ("adamw" + UNUSUAL, 0.1, torch_optim("AdamW", **BETAS)),
    ("adamax", 0.01, torch_optim("Adamax")),
    ("adamax" + UNUSUAL, 0.1, torch_optim("Adamax", **BETAS)),
    ("nadam", 0.01, torch_optim("NAdam")),
    ("nadam(beta_1=0.7, beta_2=0.95, epsilon=0.1, psi=0.5)", 0.1, torch_optim("NAdam", momentum_decay=0.5, **BETAS)),
    ("radam", 0.01, torch_optim("RAdam")),
    ("radam" + UNUSUAL, 0.1, torch_optim("RAdam", **BETAS)),
    ("amsgrad", 0.01, torch_optim("Adam", amsgrad=True)),
    ("amsgrad" + UNUSUAL, 0.1, torch_optim("Adam", amsgrad=True, **BETAS)),
    ("adabelief", 0.01, written(ada_belief())),
    ("adabelief" + UNUSUAL, 0.1, written(ada_belief(**BETAS))),
    ("oadam", 0.01, written(oadam())),
    ("oadam" + UNUSUAL, 0.1, written(oadam(**BETAS))),
    ("lion", 0.01, written(lion(), decoupled=True)),
    ("lion(beta_1=0.7, beta_2=0.95)", 0.1, written(lion((0.7, 0.95)), decoupled=True)),
]
# PyTorch's Rprop knows no decay.
RPROP = [
    ("rprop", 0.01, lambda params, lr, _: torch.optim.Rprop(params, lr=lr)),
    (
        "rprop(shrink=0.3, grow=1.7, least=0.02, most=0.2)",
        0.1,
        lambda params, lr, _: torch.optim.Rprop(params, lr=lr, etas=(0.3, 1.7), step_sizes=(0.02, 0.2)),
    ),
]
PLAIN = {"weight_decay": 0.0, "l1": 0.0, "l2": 0.0, "clip_value": None}
DECAYS = [PLAIN, PLAIN | {"weight_decay": 0.1}, {"weight_decay": 0.05, "l1": 0.02, "l2": 0.03, "clip_value": 0.75}]


def f32(values):
    """Numbers that f32 has too."""
    return torch.tensor(np.asarray(values, dtype=np.float32).astype(np.float64))


def inputs():
    """Where the parameters start, and ten gradients: of many sizes, turning, with a zero."""
    draw = np.random.default_rng(7)
    start = f32(draw.normal(size=(ROWS, WIDTH)))
    gradients = draw.normal(size=(STEPS, ROWS, WIDTH)) * np.array([3.0, 1.0, 0.1, 0.01])
    gradients[3, :, 1] = 0.0
    return start, f32(gradients)


def run(make, lr, decay, start, gradients):
    weight, bias = (start[row].clone().requires_grad_() for row in range(ROWS))
    groups = [{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = make(groups, lr, decay["weight_decay"])
    after = []
    for step in gradients:
        for parameter, gradient in zip((weight, bias), step):
            parameter.grad = gradient.clone()
        if decay["clip_value"] is not None:
            torch.nn.utils.clip_grad_value_([weight, bias], decay["clip_value"])
        weight.grad += decay["l2"] * weight.detach() + decay["l1"] * weight.detach().sign()
        optimizer.step()
        after.append([[float(f"{x:.9g}") for x in row.tolist()] for row in (weight, bias)])
    return after


def main():
    start, gradients = inputs()
    cases = [(text, lr, make, decay) for text, lr, make in OPTIMIZERS for decay in DECAYS]
    cases += [(text, lr, make, decay) for text, lr, make in RPROP for decay in [PLAIN, DECAYS[2] | {"weight_decay": 0.0}]]
    runs = [
        {"optimizer": text, "learning_rate": lr, **decay, "after": run(make, lr, decay, start, gradients)}
        for text, lr, make, decay in cases
    ]
    file = {"made_by": f"torch {torch.__version__}", "start": start.tolist(), "gradients": gradients.tolist()}
    lines = ",\n".join(json.dumps(run) for run in runs)
    text = json.dumps(file)[:-1] + ', "runs": [\n' + lines + "\n]}\n"
    Path(__file__).with_suffix(".json").write_text(text)


if __name__ == "__main__":
    main()
