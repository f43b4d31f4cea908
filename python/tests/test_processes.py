"""Processes and threads: fork, spawn, forkserver, loky; predictions from several threads; Ctrl-C; the number of threads."""

import multiprocessing
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest

from layerloop import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::DeprecationWarning")

X = np.random.default_rng(0).normal(size=(400, 30))
y = (X[:, 0] > 0).astype(int)


def fitted():
    return MLPClassifier((64, 32), max_iter=5, random_state=0, options={"threads": 2}).fit(X, y)


def both(model):
    """Predict with a model of another process, and train one."""
    return model.predict_proba(X), fitted().weights_sha256_


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_predicts_and_trains(method):
    model = fitted()
    expected = model.predict_proba(X)
    with multiprocessing.get_context(method).Pool(2) as pool:
        for probabilities, weights in pool.map_async(both, [model] * 4).get(timeout=120):
            np.testing.assert_array_equal(probabilities, expected)
            assert weights == model.weights_sha256_


def test_a_child_uses_a_model_that_was_there_before_the_fork():
    model = fitted()
    expected = model.predict_proba(X)
    child = os.fork()
    if child == 0:
        found = model.predict_proba(X)
        del model  # without waiting for threads that are not there
        os._exit(0 if np.array_equal(found, expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_joblibs_workers():
    model = fitted()
    found = joblib.Parallel(n_jobs=2, backend="loky")(joblib.delayed(both)(model) for _ in range(3))
    for probabilities, weights in found:
        np.testing.assert_array_equal(probabilities, model.predict_proba(X))
        assert weights == model.weights_sha256_


def test_predictions_of_several_threads_are_right():
    model = fitted()
    expected, one = model.predict_proba(X), [model.predict_proba(X[i : i + 1]) for i in range(len(X))]
    np.testing.assert_array_equal(np.concatenate(one), expected)

    def ask(i):
        return np.array_equal(model.predict_proba(X), expected) and np.array_equal(
            model.predict_proba(X[i : i + 1]), expected[i : i + 1]
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(len(X))))


def test_other_threads_run_during_the_training():
    counted, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1

    thread = threading.Thread(target=count)
    big = np.random.default_rng(0).normal(size=(20_000, 50)).astype(np.float32)
    thread.start()
    try:
        before = counted[0]
        MLPClassifier(100, max_iter=3).fit(big, (big[:, 0] > 0).astype(int))
        assert counted[0] > before + 100
    finally:
        stop.set()
        thread.join()


INTERRUPTED = """
import numpy as np, os, signal, threading, warnings
from layerloop import MLPClassifier
X = np.random.default_rng(0).normal(size=(50_000, 50)).astype(np.float32)
model = MLPClassifier(100, max_iter=100_000, tol=0, n_iter_no_change=np.inf, random_state=0)
threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, (X[:, 0] > 0).astype(int))
print([str(w.message) for w in caught], model.n_iter_ > 0, model.score(X, (X[:, 0] > 0).astype(int)) > 0.9)
"""


def test_ctrl_c_stops_after_the_step_and_keeps_the_weights():
    said = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=120)
    assert said.stdout.strip() == "['Training interrupted by user.'] True True", said.stdout + said.stderr


def test_the_number_of_threads_follows_the_environment(monkeypatch):
    big = np.random.default_rng(0).normal(size=(2000, 200)).astype(np.float32)
    code = (
        "import numpy as np; from layerloop import Network, fit; X = np.ones((2000, 200), np.float32);"
        "print(fit(Network('200 -> 512 relu -> 2'), X, np.arange(2000) % 2, epochs=1, batch=1000).threads)"
    )

    def threads(**environment):
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment
        )
        return int(said.stdout)

    assert big.shape == (2000, 200)
    assert threads(OMP_NUM_THREADS="1") == 1
    assert threads(OMP_NUM_THREADS="") == min(len(os.sched_getaffinity(0)), threads(OMP_NUM_THREADS="1024"))


def test_the_affinity_mask_is_respected():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); import numpy as np;"
        "from layerloop import Network, fit; X = np.ones((2000, 200), np.float32);"
        "print(fit(Network('200 -> 512 relu -> 2'), X, np.arange(2000) % 2, epochs=1, batch=1000).threads)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "1"


def test_memory_stays_flat():
    """1,000 trainings and 100,000 predictions."""
    small, target = X[:40, :5].copy(), y[:40]

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def work(fits, predictions):
        for _ in range(fits):
            model = MLPClassifier(8, max_iter=2, random_state=0).fit(small, target)
        for _ in range(predictions):
            model.predict_proba(small[:1])

    work(100, 5_000)
    before = resident()
    work(1_000, 100_000)
    assert resident() - before < 8e6


