"""scikit-learn's own tests of its MLP, with our classes in their place; conftest.py lists those that are left out."""

import sklearn.neural_network

import layerloop

_theirs = sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor
sklearn.neural_network.MLPClassifier = layerloop.MLPClassifier
sklearn.neural_network.MLPRegressor = layerloop.MLPRegressor
try:
    from sklearn.neural_network.tests import test_mlp
finally:
    sklearn.neural_network.MLPClassifier, sklearn.neural_network.MLPRegressor = _theirs

for _name in dir(test_mlp):
    if _name.startswith("test_"):
        globals()[_name] = getattr(test_mlp, _name)
