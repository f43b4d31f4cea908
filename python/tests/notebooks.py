"""Executes the notebooks of a folder; the lecture's needs MNIST in the folder that LAYERLOOP_DATA names."""

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

for path in sorted(Path(sys.argv[1]).glob("*.ipynb")):
    if path.name == "notebook.ipynb" and "LAYERLOOP_DATA" not in os.environ:
        print(f"NOT RUN: {path.name}, which needs MNIST in the folder that LAYERLOOP_DATA names")
        continue
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(nbformat.read(path, 4), timeout=600, kernel_name="python3", resources=resources).execute()
    print(f"{path.name} ran")
