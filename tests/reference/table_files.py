"""Writes the small Parquet and Arrow files that the tests of crates/table read, by the programs that people write them with.

    pip install pandas polars pyarrow && python tests/reference/table_files.py
"""

import datetime
import decimal
from pathlib import Path

import pandas
import polars
import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet

FOLDER = Path(__file__).parents[2] / "crates/table/fixtures"
N = None

COLUMNS = {
    "whole": [1, -2, N, 4],
    "float": [0.1, float("nan"), N, -2.5e-7],
    "flag": [True, False, N, True],
    "job": ["cook", "pilot", N, "Zürich "],
    "day": [datetime.date(2026, 11, 27), datetime.date(1969, 12, 31), N, datetime.date(2000, 2, 29)],
    "when": [datetime.datetime(2026, 11, 27, 14, 30, 0, 250000), datetime.datetime(1969, 12, 31, 23, 59, 59), N, datetime.datetime(2000, 2, 29)],
}
# Where a program writes something else than pyarrow.
MORE = {
    "single": pyarrow.array([0.1, 1.5, N, 3.0], pyarrow.float32()),
    "half": pyarrow.array([0.5, 1.5, N, 3.0], pyarrow.float16()),
    "small": pyarrow.array([200, 0, N, 1], pyarrow.uint8()),
    "large": pyarrow.array([2**64 - 1, 0, N, 1], pyarrow.uint64()),
    "price": pyarrow.array([decimal.Decimal("12.50"), decimal.Decimal("-0.05"), N, decimal.Decimal("7.00")], pyarrow.decimal128(20, 2)),
    "level": pyarrow.array(["low", "high", N, "low"]).dictionary_encode(),
    "nothing": pyarrow.array([N, N, N, N], pyarrow.null()),
    "clock": pyarrow.array([datetime.time(14, 30), datetime.time(0, 0, 1), N, datetime.time(23, 59)], pyarrow.time32("s")),
}

FOLDER.mkdir(exist_ok=True)
table = pyarrow.table(COLUMNS)
more = pyarrow.table(MORE)
frame = polars.from_arrow(table)
pyarrow.parquet.write_table(table, FOLDER / "pyarrow_snappy.parquet", row_group_size=3)
pyarrow.parquet.write_table(more, FOLDER / "types.parquet", compression="none", write_statistics=False, store_schema=False)
pyarrow.parquet.write_table(table, FOLDER / "spark.parquet", compression="gzip", version="1.0", use_dictionary=False,
                            use_deprecated_int96_timestamps=True, store_schema=False)  # fmt: skip
pyarrow.parquet.write_table(table.select(["whole", "job"]), FOLDER / "delta.parquet", compression="lz4", data_page_version="2.0",
                            use_dictionary=False, column_encoding={"whole": "DELTA_BINARY_PACKED", "job": "DELTA_BYTE_ARRAY"})  # fmt: skip
pyarrow.parquet.write_table(table.select(["job"]), FOLDER / "brotli.parquet", compression="brotli")
nested = pyarrow.table({"n": [1, 2], "tags": [["a"], []], "place": [{"x": 1}, {"x": 2}]})
pyarrow.parquet.write_table(nested, FOLDER / "nested.parquet", store_schema=False)
frame.write_parquet(FOLDER / "polars_zstd.parquet")
frame.to_pandas().to_parquet(FOLDER / "pandas.parquet")
pyarrow.feather.write_feather(table, FOLDER / "feather_lz4.arrow")
pyarrow.feather.write_feather(more, FOLDER / "types.arrow", compression="uncompressed")
pyarrow.feather.write_feather(nested, FOLDER / "nested.arrow", compression="uncompressed")
pyarrow.feather.write_feather(table.select(["job"]), FOLDER / "zstd.arrow", compression="zstd")
frame.write_ipc(FOLDER / "polars.arrow")
with pyarrow.ipc.new_stream(FOLDER / "stream.arrow", table.schema) as stream:
    for batch in table.to_batches(max_chunksize=3):
        stream.write_batch(batch)
    stream.write_batch(batch.slice(0, 0))

for path in sorted(FOLDER.iterdir()):
    print(f"{path.stat().st_size:6} {path.name}")
