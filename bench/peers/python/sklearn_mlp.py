"""scikit-learn's MLPClassifier."""

import warnings

from sklearn.neural_network import MLPClassifier

from common import job, report_predictions, report_training, timed

warnings.filterwarnings("ignore")  # it would rather go on
JOB = job()
network = MLPClassifier(
    JOB.sizes[1:-1],
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
    report_training(JOB, train_s, network.predict(JOB.test_x))
