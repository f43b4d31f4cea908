"""Reads the logs of two runs with TensorBoard's own reader: one that ran through, one that was stopped and went on.

    check.py FOLDER FOLDER
"""

import csv
import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def read(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    events.Reload()
    return events


def check(folder):
    events = read(folder)
    tags = events.Tags()
    with (folder / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    for column in ["train_loss", "test_loss", "test_accuracy"]:
        of, what = column.split("_")
        scalars = events.Scalars(f"{what}/{of}")
        assert [s.step for s in scalars] == [int(row["steps"]) for row in history], (column, scalars)
        for scalar, row in zip(scalars, history):
            assert abs(scalar.value - float(row[column])) <= 1e-6 * abs(scalar.value), (column, scalar, row)
    steps = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    steps = [event for event in steps if event["event"] == "step"]
    scalars = events.Scalars("loss/step")
    assert [s.step for s in scalars] == [s["step"] for s in steps], "the steps of both logs"
    for name in ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]:
        for what in ["weights", "gradients"]:
            histograms = events.Histograms(f"{what}/{name}")
            assert len(histograms) == len(history), (name, what)
            for histogram in histograms:
                value = histogram.histogram_value
                assert sum(value.bucket) == value.num and value.bucket_limit[-1] == value.max
                assert value.min <= value.sum / value.num <= value.max
    norms = [tag for tag in tags["scalars"] if tag.startswith("gradient norm/")]
    print(f"{folder}: {len(history)} epochs, {len(scalars)} steps, {len(tags['histograms'])} histograms, {norms}")
    return {tag: [(s.step, s.value) for s in events.Scalars(tag)] for tag in tags["scalars"]}


whole, resumed = (check(Path(folder)) for folder in sys.argv[1:])
assert whole == resumed, "a run that went on has the curves of one that ran through"
