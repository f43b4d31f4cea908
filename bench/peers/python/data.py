"""Writes MNIST and a synthetic table as flat files, so that no peer has to read others: MNIST OUT WIDTH."""

import gzip
import sys
from pathlib import Path

import numpy as np

MNIST, OUT, WIDTH = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


def idx(name: str) -> np.ndarray:
    """The values of an IDX file of bytes, a row for each sample."""
    file = gzip.decompress((MNIST / f"{name}.gz").read_bytes())
    sizes = np.frombuffer(file, ">u4", count=file[3], offset=4)
    return np.frombuffer(file, np.uint8, offset=4 + 4 * file[3]).reshape(sizes[0], -1)


def write(folder: str, part: str, x: np.ndarray, y: np.ndarray) -> None:
    to = OUT / folder
    to.mkdir(parents=True, exist_ok=True)
    x.astype(np.float32).tofile(to / f"{part}_x.f32")
    y.astype(np.uint8).tofile(to / f"{part}_y.u8")


for part, name in (("train", "train"), ("test", "t10k")):
    images = idx(f"{name}-images-idx3-ubyte") / np.float32(255)
    write("mnist", part, images, idx(f"{name}-labels-idx1-ubyte"))
random = np.random.default_rng(0)
for part, rows in (("train", 10_000), ("test", 1_000)):
    table = random.standard_normal((rows, WIDTH))
    write("table", part, table, (table[:, 1:] * table[:, :-1]).sum(1) > 0)
