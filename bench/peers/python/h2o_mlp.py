"""H2O's deep learning, in a Java process that this one starts and ends: ADADELTA without locks between threads, since it has no Adam."""

import h2o
import numpy as np
from h2o.estimators import H2ODeepLearningEstimator

from common import job, report_training, timed

JOB = job()
h2o.init(ip="127.0.0.1", nthreads=JOB.threads, max_mem_size="4g", strict_version_check=False, log_level="ERRR")
h2o.no_progress()


def frame(x: np.ndarray, y: np.ndarray) -> h2o.H2OFrame:
    table = h2o.H2OFrame(np.column_stack([x, y]), column_names=[f"x{i}" for i in range(x.shape[1])] + ["y"])
    table["y"] = table["y"].asfactor()
    return table


try:
    train, test = frame(JOB.x, JOB.y), frame(JOB.test_x, JOB.test_y)
    network = H2ODeepLearningEstimator(
        hidden=JOB.sizes[1:-1],
        activation={"relu": "Rectifier"}[JOB.activation],
        epochs=JOB.epochs,
        mini_batch_size=JOB.batch,
        train_samples_per_iteration=0,  # one epoch
        standardize=False,
        stopping_rounds=0,
        overwrite_with_best_model=False,
        score_interval=3600,
        score_duty_cycle=0,
        variable_importances=False,
    )
    train_s, _ = timed(lambda: network.train(x=train.columns[:-1], y="y", training_frame=train))
    rows = network.predict(test)["predict"].as_data_frame(use_pandas=False)[1:]
    answers = np.array([float(row[0]) for row in rows], np.float32)
finally:
    h2o.cluster().shutdown()  # which prints, and the result has to be the last line
report_training(JOB, train_s, answers - 0.5 if JOB.loss == "binary" else np.column_stack([1 - answers, answers]))
