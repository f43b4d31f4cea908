"""Writes MNIST and synthetic data as flat files, so that no peer has to read others: MNIST OUT JOBS."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np

MNIST, OUT, JOBS = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())


def idx(name: str) -> np.ndarray:
    """The values of an IDX file of bytes, a row for each sample."""
    file = gzip.decompress((MNIST / f"{name}.gz").read_bytes())
    sizes = np.frombuffer(file, ">u4", count=file[3], offset=4)
    return np.frombuffer(file, np.uint8, offset=4 + 4 * file[3]).reshape(sizes[0], -1)


def write(folder: str, part: str, x: np.ndarray, y: np.ndarray) -> None:
    to = OUT / folder
    to.mkdir(parents=True, exist_ok=True)
    x.astype(np.float32).tofile(to / f"{part}_x.f32")
    kind, ending = (np.float32, "f32") if y.dtype.kind == "f" else (np.uint8, "u8")
    y.astype(kind).tofile(to / f"{part}_y.{ending}")


for part, name in (("train", "train"), ("test", "t10k")):
    images = idx(f"{name}-images-idx3-ubyte") / np.float32(255)
    write("mnist", part, images, idx(f"{name}-labels-idx1-ubyte"))
random = np.random.default_rng(0)
for part, share in (("train", 10), ("test", 1)):
    table = random.standard_normal((1_000 * share, JOBS["tiny"]["sizes"][0]))
    write("table", part, table, (table[:, 1:] * table[:, :-1]).sum(1) > 0)
    table = random.standard_normal((10_000 * share, JOBS["higgs"]["sizes"][0]))
    write("binary", part, table, (table[:, 1:] * table[:, :-1]).sum(1) > 0)
    table = random.standard_normal((1_000 * share, JOBS["simplechains"]["sizes"][0]))
    write("numbers", part, table, np.sin(table) * np.roll(table, 1, axis=1))
