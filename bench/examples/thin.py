"""MNIST with classes that are not balanced: of the digit k, 5400 / 2^k training images. python3 thin.py MNIST FOLDER"""

import gzip
import struct
import sys
from pathlib import Path

PARTS = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
PIXELS = 28 * 28

source, target = map(Path, sys.argv[1:])
target.mkdir(parents=True, exist_ok=True)
images, labels, *test = [gzip.decompress((source / f"{name}.gz").read_bytes()) for name in PARTS]
images, labels = images[16:], labels[8:]
left = {digit: 5400 // 2**digit for digit in range(10)}
rows = []
for row, digit in enumerate(labels):
    if left[digit] > 0:
        left[digit] -= 1
        rows.append(row)
pixels = b"".join(images[row * PIXELS : (row + 1) * PIXELS] for row in rows)
kept = [
    struct.pack(">IIII", 0x803, len(rows), 28, 28) + pixels,
    struct.pack(">II", 0x801, len(rows)) + bytes(labels[row] for row in rows),
]
for name, content in zip(PARTS, kept + test):
    (target / name).write_bytes(content)
print(f"{len(rows)} training images in {target}")
