"""scikit-learn's contract for estimators."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from layerloop import MLPClassifier, MLPRegressor, TabularClassifier, TabularRegressor

#: They compare with a tolerance of 1e-7, which single precision does not have; test_weights.py has the same within its rounding.
IN_DOUBLE = "compares sums in another order at 1e-7, below the rounding of single precision"

#: Rows with a weight of 2 and rows that are there twice are held back and put into batches in another way.
BY_ROWS = "a row that is there twice is two rows of a batch, and may be held back"


def expected(estimator):
    checks = ["check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"]
    tables = isinstance(estimator, (TabularClassifier, TabularRegressor))
    return {name: BY_ROWS if tables else IN_DOUBLE for name in checks}


ESTIMATORS = [
    MLPClassifier(max_iter=100, random_state=0),
    MLPRegressor(max_iter=100, random_state=0),
    TabularClassifier("plain", epochs=40),
    TabularRegressor("plain", epochs=40),
]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
def test_the_contract_of_scikit_learn(estimator, check):
    check(estimator)
