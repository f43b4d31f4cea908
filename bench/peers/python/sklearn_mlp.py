"""scikit-learn's MLPClassifier, and its MLPRegressor for numbers. It has no schedule for Adam: its rate is always 1e-3."""

import warnings

from sklearn.neural_network import MLPClassifier, MLPRegressor

from common import job, report_predictions, report_training, timed

warnings.filterwarnings("ignore")  # it would rather go on
JOB = job()
network = (MLPRegressor if JOB.loss == "mse" else MLPClassifier)(
    hidden_layer_sizes=JOB.sizes[1:-1],
    activation={"sigmoid": "logistic", "relu": "relu"}[JOB.activation],
    alpha=0.0,
    batch_size=JOB.batch,
    learning_rate_init=1e-3,
    max_iter=max(JOB.epochs, 1),
    n_iter_no_change=1000,
    tol=0.0,
    random_state=0,
)
train_s, _ = timed(lambda: network.fit(JOB.x, JOB.y))
if JOB.epochs == 0:
    report_predictions(JOB, network.predict_proba)
else:
    assert network.n_iter_ == JOB.epochs
    outputs = network.predict(JOB.test_x) if JOB.loss == "mse" else network.predict_proba(JOB.test_x) - 0.5
    report_training(JOB, train_s, outputs[:, 1] if JOB.loss == "binary" else outputs)
