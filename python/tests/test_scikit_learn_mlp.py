"""scikit-learn's own tests of its MLP, with our classes in their place."""

import pytest
import sklearn.neural_network

import layerloop

_theirs = sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor
sklearn.neural_network.MLPClassifier = layerloop.MLPClassifier
sklearn.neural_network.MLPRegressor = layerloop.MLPRegressor
try:
    from sklearn.neural_network.tests import test_mlp
finally:
    sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor = _theirs

#: Tests that look at private attributes or are about double precision.
LISTED = {
    "test_gradient": "calls _loss_grad_lbfgs; our gradient is checked by `layerloop check-gradients`",
    "test_learning_rate_warmstart": "reads _optimizer.learning_rate; test_estimators.py has the same by history_",
    "test_adaptive_learning_rate": "reads _optimizer.learning_rate; test_estimators.py has the same by history_",
}

for _name in dir(test_mlp):
    if _name.startswith("test_"):
        _test = getattr(test_mlp, _name)
        if _name in LISTED:
            _test = pytest.mark.skip(reason=LISTED[_name])(_test)
        globals()[_name] = _test
