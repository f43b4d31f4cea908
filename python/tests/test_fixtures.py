"""Pickles of every version can be read, and give the bits that they gave then."""

import importlib.util
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent / "fixtures"
_spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
make = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make)


@pytest.mark.parametrize("kept", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ["classifier", "regressor", "table"])
def test_a_pickle_of_an_earlier_version(kept, name):
    expected = json.loads(kept.read_text())[name]
    model = pickle.loads((FOLDER / f"{kept.stem}.{name}.pickle").read_bytes())
    assert model.weights_sha256_ == expected["weights_sha256"]
    np.testing.assert_array_equal(model.predict(make.ROWS if name == "table" else make.X), expected["predicted"])


def test_there_are_some():
    assert list(FOLDER.glob("*.json"))
