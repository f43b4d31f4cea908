"""Writes jacobians.json beside itself: A_i, B_i, C_K, p_i and q_i of ten random networks, by JAX's jacobians in f64.

tests/jacobians.rs reads it. Nothing of the derivation is used here: every object is what JAX makes of its definition.
Run it again after a change of the networks: python tests/reference/jacobians.py (any JAX from 0.4 on).
"""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

# widths with the classes last, activation of the hidden layers, output map
NETWORKS = [
    ([3, 2], "sigmoid", "softmax"),
    ([4, 3, 2], "sigmoid", "softmax"),
    ([2, 3, 4], "sigmoid", "reference-softmax"),
    ([5, 4, 3, 10], "sigmoid", "softmax"),
    ([3, 2, 4, 3, 3], "sigmoid", "reference-softmax"),
    ([2, 3, 2, 3, 2, 26], "sigmoid", "softmax"),
    ([1, 2, 1, 2, 1, 2], "sigmoid", "reference-softmax"),
    ([4, 5, 3], "tanh", "softmax"),
    ([3, 4, 4, 5], "gelu", "reference-softmax"),
    ([6, 5, 4, 3], "softplus", "softmax"),
]
SIGMA = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "gelu": lambda t: jax.nn.gelu(t, approximate=False),
    "softplus": jax.nn.softplus,
    "identity": lambda t: t,
}


def numbers(seed, n):
    """Numbers in [-1, 1] that look unrelated."""
    return jnp.array([math.sin(2.399963 * (1009 * seed + k)) for k in range(1, n + 1)])


def output_map(kind):
    if kind == "softmax":
        return jax.nn.softmax
    return lambda z: jax.nn.softmax(jnp.append(z, 0.0))


def case(seed, widths, activation, kind):
    logits = widths[-1] - (kind == "reference-softmax")
    sizes = list(zip(widths, [*widths[1:-1], logits]))
    activations = [activation] * (len(sizes) - 1) + ["identity"]
    w = [numbers(seed + i, out * (n + 1)) for i, (n, out) in enumerate(sizes)]
    x, target = numbers(seed + 50, widths[0]), seed % widths[-1]

    def layer(i, w_i, z):
        n, out = sizes[i]
        return SIGMA[activations[i]](w_i.reshape(out, n + 1) @ jnp.append(z, 1.0))

    def from_layer(i, w, z):
        """The loss as a function of what enters layer i."""
        for j in range(i, len(sizes)):
            z = layer(j, w[j], z)
        return -jnp.log(output_map(kind)(z)[target])

    z = [x]
    for i, w_i in enumerate(w):
        z.append(layer(i, w_i, z[i]))
    layers = []
    for i, (w_i, (n, out)) in enumerate(zip(w, sizes)):
        by_w = jax.grad(lambda w_i: from_layer(i, [*w[:i], w_i, *w[i + 1:]], z[i]))
        layers.append({
            "w": w_i.reshape(out, n + 1),
            "a": jax.jacfwd(lambda w_i: layer(i, w_i, z[i]))(w_i),
            "b": jax.jacfwd(lambda z_i: layer(i, w_i, z_i))(z[i]),
            "p": by_w(w_i).reshape(out, n + 1),
            "q": jax.grad(lambda z_i: from_layer(i, w, z_i))(z[i]),
        })
    probabilities = output_map(kind)(z[-1])
    layers = [{"activation": name, **{key: value.tolist() for key, value in each.items()}}
              for name, each in zip(activations, layers)]
    return {
        "x": x.tolist(), "target": target, "output": kind, "layers": layers,
        "probabilities": probabilities.tolist(),
        "c": jax.jacfwd(output_map(kind))(z[-1]).tolist(),
        "q_logits": jax.grad(lambda z: -jnp.log(output_map(kind)(z)[target]))(z[-1]).tolist(),
        "q_loss": jax.grad(lambda p: -jnp.log(p[target]))(probabilities).tolist(),
        "loss": float(-jnp.log(probabilities[target])),
    }


cases = [case(7 * k + 1, *network) for k, network in enumerate(NETWORKS)]
lines = ",\n".join(json.dumps(case) for case in cases)
Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n")
