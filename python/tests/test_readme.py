"""The READMEs show what their example prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[1]


@pytest.mark.parametrize("readme", [PYTHON / "README.md", PYTHON.parent / "README.md"], ids=["package", "project"])
def test_the_readme_shows_what_is_printed(readme):
    said = subprocess.run([sys.executable, PYTHON / "examples" / "readme.py"], capture_output=True, text=True, check=True)
    printed, shown = (re.sub(r"in [0-9.]+ s", "in TIME", text) for text in (said.stdout.strip(), readme.read_text()))
    assert printed in shown and not said.stderr
