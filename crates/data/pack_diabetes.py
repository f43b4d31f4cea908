"""Packs the diabetes table: pack_diabetes.py diabetes.csv src/diabetes.bin

In:  a CSV of a header line and 442 rows of 10 inputs and the progression, unscaled.
Out: 442 x 11 numbers of 16 bits, little endian, row after row: each cell times 10 to the power of its column's DECIMALS.
"""

import csv
import sys
from decimal import Decimal

DECIMALS = [0, 0, 1, 2, 0, 1, 1, 2, 4, 0, 0]

source, target = sys.argv[1:]
with open(source, newline="") as file:
    rows = [[Decimal(cell) for cell in row] for row in list(csv.reader(file))[1:]]
assert len(rows) == 442 and all(len(row) == 11 for row in rows), "expected 442 rows of 11 numbers"
whole = [[cell.scaleb(decimals) for cell, decimals in zip(row, DECIMALS)] for row in rows]
fits = [cell == int(cell) and 0 <= cell < 2**16 for row in whole for cell in row]
assert all(fits), "a cell has more decimals than its column, or is too large"
with open(target, "wb") as file:
    file.write(b"".join(int(cell).to_bytes(2, "little") for row in whole for cell in row))
