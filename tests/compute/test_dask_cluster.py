import pytest
from distributed import LocalCluster

from ilp_models.compute.dask_cluster import DaskCluster
from ilp_models.domain.errors import InputError, StorageError


def double(number):
    return 2 * number


def refuse(number):
    if number == 1:
        msg = "This task cannot run."
        raise InputError(msg)
    return number


@pytest.fixture(scope="module")
def cluster():
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(**settings, protocol="tcp") as running:
        yield DaskCluster(running.scheduler_address)


def test_cluster_gives_the_same_results_and_errors(cluster):
    assert cluster.map(double, range(5), "doubling") == [0, 2, 4, 6, 8]
    with pytest.raises(InputError, match="This task cannot run"):
        cluster.map(refuse, range(3), "trying")


def test_missing_scheduler_is_a_clear_error():
    with pytest.raises(StorageError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        DaskCluster("tcp://127.0.0.1:9", timeout_s=0.2).map(double, [1], "doubling")
