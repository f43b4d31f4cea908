"""Packs the digits: pack_digits.py digits.csv src/digits.bin

In:  a CSV of a header line and 1,797 rows of 64 pixels (0..16) and the digit.
Out: 1,797 x 64 bytes of pixels, then 1,797 bytes of labels.
"""

import csv
import sys

source, target = sys.argv[1:]
with open(source, newline="") as file:
    rows = [[int(cell) for cell in row] for row in list(csv.reader(file))[1:]]
assert len(rows) == 1797 and all(len(row) == 65 for row in rows), "expected 1,797 rows of 65 numbers"
assert all(0 <= pixel <= 16 for row in rows for pixel in row[:64]), "a pixel is not in 0..16"
assert all(0 <= row[64] <= 9 for row in rows), "a label is not a digit"
with open(target, "wb") as file:
    file.write(bytes(pixel for row in rows for pixel in row[:64]))
    file.write(bytes(row[64] for row in rows))
