"""JAX: one compiled program an epoch, a scan over its batches."""

import os

if os.environ.get("OMP_NUM_THREADS") == "1":
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np

from common import job, report_predictions, report_training, timed

JOB = job()
ROWS, WHOLE = len(JOB.x), len(JOB.x) // JOB.batch
X, Y = jnp.asarray(JOB.x), jnp.asarray(JOB.y if JOB.loss == "mse" else JOB.y.astype(np.int32))
ACTIVATION = {"sigmoid": jax.nn.sigmoid, "relu": jax.nn.relu}[JOB.activation]


def start(key):
    """Parameters and Adam's two moments."""
    keys = jax.random.split(key, len(JOB.pairs))
    glorot = jax.nn.initializers.glorot_uniform()
    layers = [(glorot(k, pair), jnp.zeros(pair[1])) for k, pair in zip(keys, JOB.pairs)]
    zeros = lambda: jax.tree.map(jnp.zeros_like, layers)
    return layers, zeros(), zeros(), jnp.float32(0)


def logits(layers, x):
    for weight, bias in layers[:-1]:
        x = ACTIVATION(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def loss(layers, x, y):
    z = logits(layers, x)
    if JOB.loss == "mse":
        return ((z - y) ** 2).mean()
    if JOB.loss == "binary":
        return (jax.nn.softplus(z[:, 0]) - y * z[:, 0]).mean()
    return -jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], 1).mean()


def rate(t):
    """Of step t, counted from 1: constant, or PyTorch's OneCycleLR."""
    if JOB.peak is None:
        return 1e-3
    rise, last = 0.3 * JOB.steps - 1, JOB.steps - 1
    between = lambda a, b, share: b + (a - b) / 2 * (1 + jnp.cos(jnp.pi * share))
    up = between(JOB.peak / 25, JOB.peak, (t - 1) / rise)
    return jnp.where(t - 1 <= rise, up, between(JOB.peak, JOB.peak / 25e4, (t - 1 - rise) / (last - rise)))


def step(state, x, y):
    layers, first, second, t = state
    gradient = jax.grad(loss)(layers, x, y)
    t += 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    length, scale = rate(t) / (1 - 0.9**t), 1 / (1 - 0.999**t)
    move = lambda w, m, v: w - length * m / (jnp.sqrt(v * scale) + 1e-8)
    return jax.tree.map(move, layers, first, second), first, second, t


def epoch(state, key, x, y):
    order = jax.random.permutation(key, ROWS)
    batches = order[: WHOLE * JOB.batch].reshape(WHOLE, JOB.batch)
    state, _ = jax.lax.scan(lambda state, rows: (step(state, x[rows], y[rows]), None), state, batches)
    rest = order[WHOLE * JOB.batch :]
    return step(state, x[rest], y[rest]) if len(rest) else state


def train(run, state, keys):
    for key in keys:
        state = run(state, key, X, Y)
    return jax.block_until_ready(state)


STATE = jax.block_until_ready(start(jax.random.key(0)))
if JOB.epochs == 0:
    layers, *_ = STATE
    probabilities = jax.jit(lambda x: jax.nn.softmax(logits(layers, x)))
    report_predictions(JOB, lambda x: np.asarray(probabilities(x)), jnp.asarray)
else:
    keys = list(jax.random.split(jax.random.key(1), JOB.epochs))
    program = jax.jit(epoch, donate_argnums=0).lower(STATE, keys[0], X, Y)
    compile_s, run = timed(program.compile)
    train_s, (layers, *_) = timed(lambda: train(run, STATE, keys))
    report_training(JOB, train_s, np.asarray(logits(layers, JOB.test_x)), compile_s)
