"""The examples of docs/scale-out.md, on local clusters of two workers."""

import shutil
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score

from layerloop import MLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore")

FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["a", "b", "c"])
Y = (FRAME["a"] > 0).astype(int)
MODEL = MLPClassifier(8, max_iter=20, random_state=0)


def searches_agree():
    """Run search, cross-validation and bagging with the active backend; compare with one process."""
    found = GridSearchCV(MODEL, {"alpha": [1e-4, 1.0]}, cv=3, n_jobs=2).fit(FRAME, Y).cv_results_["mean_test_score"]
    scores = cross_val_score(MODEL, FRAME, Y, cv=3, n_jobs=2)
    bagging = BaggingClassifier(MODEL, 4, random_state=0, n_jobs=2).fit(FRAME, Y)
    with joblib.parallel_backend("sequential"):
        expected = GridSearchCV(MODEL, {"alpha": [1e-4, 1.0]}, cv=3).fit(FRAME, Y).cv_results_["mean_test_score"]
        one_by_one = BaggingClassifier(MODEL, 4, random_state=0).fit(FRAME, Y)
        np.testing.assert_array_equal(scores, cross_val_score(MODEL, FRAME, Y, cv=3))
    np.testing.assert_array_equal(found, expected)
    assert [m.weights_sha256_ for m in bagging.estimators_] == [m.weights_sha256_ for m in one_by_one.estimators_]


@pytest.fixture(scope="module")
def fitted():
    return MLPClassifier(8, max_iter=20, random_state=0).fit(FRAME, Y)


@pytest.fixture(scope="module")
def dask_client():
    distributed = pytest.importorskip("dask.distributed", reason="Dask is not installed")
    with distributed.Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        yield client


def test_searches_on_dask(dask_client):
    with joblib.parallel_backend("dask"):
        searches_agree()


def test_predictions_on_dask(dask_client, fitted):
    frames = pytest.importorskip("dask.dataframe", reason="dask.dataframe is not installed")
    frame = frames.from_pandas(FRAME, npartitions=2)
    predict = lambda part: pd.Series(fitted.predict(part), index=part.index)  # noqa: E731
    found = frame.map_partitions(predict, meta=("predicted", "int64")).compute()
    np.testing.assert_array_equal(found, fitted.predict(FRAME))


@pytest.fixture(scope="module")
def ray_cluster():
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


def test_searches_on_ray(ray_cluster):
    from ray.util.joblib import register_ray

    register_ray()
    with joblib.parallel_backend("ray"):
        searches_agree()


def test_predictions_on_ray(ray_cluster, fitted):
    data = pytest.importorskip("ray.data", reason="Ray Data is not installed")
    predict = lambda part: part.assign(predicted=fitted.predict(part))  # noqa: E731
    found = data.from_pandas(FRAME).map_batches(predict, batch_format="pandas").to_pandas()
    np.testing.assert_array_equal(np.sort(found["predicted"]), np.sort(fitted.predict(FRAME)))


def test_predictions_on_spark(fitted, monkeypatch):
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    pyspark = pytest.importorskip("pyspark.sql", reason="Spark is not installed")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none")
    import pyarrow

    spark = pyspark.SparkSession.builder.master("local[2]").getOrCreate()

    def predict(batches):
        for batch in batches:
            part = pyarrow.Table.from_batches([batch])
            yield pyarrow.RecordBatch.from_pydict({"predicted": fitted.predict(part)})

    found = spark.createDataFrame(FRAME).mapInArrow(predict, "predicted long").toPandas()
    np.testing.assert_array_equal(found["predicted"], fitted.predict(FRAME))
    spark.stop()
