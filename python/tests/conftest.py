"""What the tests share."""

import numpy as np
import pytest


@pytest.fixture
def global_random_seed():
    """The seed that scikit-learn's tests ask for."""
    return 42


@pytest.fixture
def blobs():
    """Three groups of points in the plane: 150 rows."""
    generator = np.random.default_rng(0)
    centres = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    labels = np.arange(150) % 3
    return centres[labels] + generator.normal(scale=0.7, size=(150, 2)), labels
