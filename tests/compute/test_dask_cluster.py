import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from dask import config
from distributed import LocalCluster

from ilp_models.compute import dask_cluster
from ilp_models.compute.dask_cluster import DaskCluster, _check_versions
from ilp_models.domain.errors import InputError, NotRunError, StorageError
from ilp_models.domain.recipe import program_digest


def double(number):
    return 2 * number


def refuse(number):
    if number == 1:
        msg = "This task cannot run."
        raise InputError(msg)
    return number


def die_once(folder):
    """Kill the worker unless the folder shows that one was killed already."""
    try:
        os.mkdir(folder)  # noqa: PTH102 - atomic
    except FileExistsError:
        return "survived"
    return os.kill(os.getpid(), signal.SIGKILL)


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def cluster():
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with LocalCluster(**settings, protocol="tcp") as running:
        yield DaskCluster(running.scheduler_address)


def test_cluster_gives_the_same_results_and_errors(cluster):
    assert cluster.map(double, range(5), "doubling") == [0, 2, 4, 6, 8]
    assert cluster.map(double, [], "nothing") == []
    with pytest.raises(InputError, match="This task cannot run"):
        cluster.map(refuse, range(3), "trying")


def test_missing_scheduler_is_a_clear_error():
    with pytest.raises(StorageError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        DaskCluster("tcp://127.0.0.1:9", timeout_s=0.2).map(double, [1], "doubling")


def test_a_scheduler_without_workers_is_a_clear_error():
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0", protocol="tcp") as empty,
        pytest.raises(StorageError, match=r"has no worker\. Start one: dask worker tcp://"),
    ):
        DaskCluster(empty.scheduler_address, timeout_s=2).map(double, [1], "doubling")


def test_workers_with_other_code_are_refused(cluster, monkeypatch):
    # the function that workers run is found by name; the client's own digest comes from its module
    monkeypatch.setattr("ilp_models.compute.dask_cluster._own_digest", lambda: "0" * 64)
    with pytest.raises(StorageError, match=r"another version of ilp_models .*here 0000000000000000"):
        cluster.map(double, [1], "doubling")


def slow_double(number):
    time.sleep(1)
    return 2 * number


# Read by a worker before it starts: its program is another one.
OTHER_CODE = """\
from ilp_models.compute import dask_cluster
dask_cluster.program_digest = lambda: "f" * 64
"""


@pytest.mark.slow
def test_a_worker_with_other_code_that_joins_later_is_closed_and_others_run_its_tasks(tmp_path, caplog):
    (tmp_path / "other.py").write_text(OTHER_CODE)
    work = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "4", "--no-dashboard"]
    late = []
    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp"}
    with LocalCluster(**settings) as running:
        command = [*work, running.scheduler_address, "--preload", str(tmp_path / "other.py"), "--no-nanny"]
        where = {"env": {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, "stderr": subprocess.DEVNULL}
        threading.Timer(1.0, lambda: late.append(subprocess.Popen(command, **where))).start()
        numbers = list(range(20))
        assert DaskCluster(running.scheduler_address).map(slow_double, numbers, "doubling") == [2 * n for n in numbers]
        assert late[0].wait(30) == 0
    assert "joined later and has another version of ilp_models" in caplog.text
    assert caplog.text.count("(digest ffffffffffffffff, here ") == 1


@pytest.mark.slow
def test_without_any_worker_left_the_map_ends():
    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp"}
    with LocalCluster(**settings) as running:
        threading.Timer(2.0, lambda: running.scale(0)).start()
        with pytest.raises(NotRunError, match=r"no worker is left\. Start one"):
            DaskCluster(running.scheduler_address, timeout_s=3).map(wait, [60.0], "waiting")


@pytest.mark.slow
def test_the_map_ends_if_the_last_worker_is_lost_with_the_result_of_a_task(monkeypatch):
    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp"}
    with LocalCluster(**settings) as running:

        def lose(watch, future, fetch=dask_cluster._Watch.fetch):
            running.scale(0)
            while running.scheduler.workers:
                time.sleep(0.1)
            return fetch(watch, future)

        monkeypatch.setattr(dask_cluster._Watch, "fetch", lose)
        monkeypatch.setattr(dask_cluster, "_FETCH_S", 0.5)
        with pytest.raises(NotRunError, match=r"no worker is left\. Start one"):
            DaskCluster(running.scheduler_address, timeout_s=1).map(double, [1, 2], "doubling")


def test_a_result_that_no_worker_sends_is_tried_three_times(monkeypatch):
    monkeypatch.setattr(dask_cluster, "_FETCH_S", 0.01)
    watch, asked = dask_cluster._Watch(None, 1.0), []

    class Silent:
        key, status = "k", "finished"

        def result(self, timeout):
            asked.append(timeout)
            raise TimeoutError

    assert [watch.fetch(Silent()), watch.fetch(Silent())] == [[], []]
    with pytest.raises(NotRunError, match="its worker does not send the result"):
        watch.fetch(Silent())
    assert asked == [0.01] * 3


@pytest.mark.parametrize(("seen", "ends"), [([1, 0, 0, 0], [3]), ([0, 0, 1, 0, 0], []), ([0, 0, 0], [2])])
def test_the_wait_for_a_worker_begins_when_the_last_one_is_missed(monkeypatch, seen, ends):
    moments, ended = iter(range(0, 600, 60)), []  # a look a minute, because fetches took so long
    monkeypatch.setattr(dask_cluster.time, "monotonic", lambda: float(next(moments)))

    class Scheduler:
        left = iter(seen)

        def scheduler_info(self):
            return {"workers": [""] * next(self.left)}

    watch = dask_cluster._Watch(Scheduler(), 70.0)
    for place in range(len(seen)):
        try:
            watch.look()
        except NotRunError:
            ended.append(place)
    assert ended == ends


def late(_):
    msg = "A service did not answer."
    raise TimeoutError(msg)


def test_a_task_that_waited_too_long_is_its_own_error(cluster):
    with pytest.raises(TimeoutError, match="A service did not answer"):
        cluster.map(late, [1], "waiting")


@pytest.mark.slow
def test_a_worker_that_does_not_answer_is_closed_and_others_run_its_tasks(caplog):
    work = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    at = ["--listen-address", "tcp://127.0.0.1:0", "--contact-address", "tcp://127.0.0.1:9"]  # not where it listens
    settings = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": ":0", "protocol": "tcp"}
    with config.set({"distributed.comm.timeouts.connect": "2s"}), LocalCluster(**settings) as running:
        with subprocess.Popen([*work, *at, running.scheduler_address], stderr=subprocess.DEVNULL) as silent:
            running.wait_for_workers(2, timeout=30)
            cluster = DaskCluster(running.scheduler_address)
            assert cluster.map(double, range(6), "doubling") == [0, 2, 4, 6, 8, 10]
            assert silent.wait(30) == 0
        assert len(running.scheduler.workers) == 1
    assert "The worker tcp://127.0.0.1:9 does not answer" in caplog.text


class Answers:
    """A client whose workers answer as told."""

    def __init__(self, **answers):
        self.answers, self.retired = answers, []

    def run(self, *_, on_error):
        assert on_error == "return"
        return self.answers

    def retire_workers(self, workers, **_):
        self.retired = workers


def test_workers_that_do_not_answer_are_closed_unless_none_does():
    same, gone = program_digest(), OSError("Timed out")
    client = Answers(a=gone, b=same)
    _check_versions(client)
    assert client.retired == ["a"]
    client = Answers(a=gone, b=gone)
    with pytest.raises(StorageError, match="No worker answers, first a"):
        _check_versions(client)
    assert client.retired == []


@pytest.mark.parametrize("answer", [ModuleNotFoundError("No module named 'ilp_models'"), "OSError(116, 'Stale file')"])
def test_a_worker_that_cannot_read_the_package_is_refused(answer):
    with pytest.raises(StorageError, match=r"1 worker\(s\) have another version .* first b \(") as told:
        _check_versions(Answers(a=program_digest(), b=answer))
    assert str(answer) in str(told.value)


def test_a_program_that_cannot_be_read_is_an_answer(monkeypatch):
    def stale():
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(dask_cluster, "program_digest", stale)
    assert dask_cluster._digest_or_error() == "OSError(116, 'Stale file handle')"


def test_without_a_worker_of_the_same_version_the_reason_is_an_error(monkeypatch):
    monkeypatch.setattr("ilp_models.compute.dask_cluster._check_versions", lambda _: None)  # it had not joined then
    monkeypatch.setattr("ilp_models.compute.dask_cluster._own_digest", lambda: "0" * 64)
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with (
        LocalCluster(**settings, protocol="tcp") as running,
        pytest.raises(NotRunError, match=r"joined later and has another version of ilp_models .*here 0000000000000000"),
    ):
        DaskCluster(running.scheduler_address).map(double, [1, 2], "doubling")


@pytest.mark.parametrize("settings", [{}, {"address": "tcp://a:1", "cluster": "local"}, {"cluster": "slurm"}])
def test_a_cluster_needs_one_place(settings):
    with pytest.raises(InputError, match=r"set the address of a running scheduler, or compute\.cluster=local"):
        DaskCluster(**settings)


def test_a_local_cluster_needs_a_worker():
    with pytest.raises(InputError, match=r"compute\.workers=0"):
        DaskCluster(cluster="local", workers=0)


@pytest.mark.slow
def test_a_local_cluster_runs_the_task_of_a_lost_worker_again_once(tmp_path):
    local = DaskCluster(cluster="local", workers=2)
    assert local.map(die_once, [str(tmp_path / "killed"), str(tmp_path)], "dying") == ["survived", "survived"]
    with pytest.raises(NotRunError, match="lost twice with the same task"):
        local.map(die, [1], "dying")


def die_or_finish(folder):
    """Kill the worker without a folder; with one, leave a file in it after a while."""
    if folder is None:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(3)
    Path(folder, "finished").touch()


@pytest.mark.slow
def test_other_tasks_end_before_a_lost_one_is_reported(tmp_path):
    with pytest.raises(NotRunError, match="lost twice with the same task"):
        DaskCluster(cluster="local", workers=2).map(die_or_finish, [None, str(tmp_path)], "dying")
    assert (tmp_path / "finished").exists()


def die_or_touch(task):
    """Kill the worker if told to; otherwise leave a file."""
    path, dies = task
    time.sleep(0.3)
    if dies:
        os.kill(os.getpid(), signal.SIGKILL)
    Path(path).touch()


@pytest.mark.slow
def test_tasks_that_wait_do_not_count_as_lost_with_those_that_kill_their_workers(tmp_path):
    dying = {0, 3, 5}
    tasks = [(str(tmp_path / str(number)), number in dying) for number in range(10)]
    with pytest.raises(NotRunError, match="lost twice with the same task"):
        DaskCluster(cluster="local", workers=2).map(die_or_touch, tasks, "dying")
    assert {path.name for path in tmp_path.iterdir()} == {str(number) for number in range(10) if number not in dying}


def note(task):
    """Add a line to a file; then kill the worker if told to, unless it was killed before."""
    path, dies = task
    if dies:
        time.sleep(2)  # the result of the other task has reached the client
        return die_once(dies)
    with Path(path).open("a") as file:
        file.write("done\n")
    return "noted"


@pytest.mark.slow
def test_a_finished_task_is_not_run_again_if_its_worker_is_lost_later(tmp_path):
    tasks = [(str(tmp_path / "lines"), ""), ("", str(tmp_path / "killed"))]
    assert DaskCluster(cluster="local", workers=1).map(note, tasks, "noting") == ["noted", "survived"]
    assert (tmp_path / "lines").read_text() == "done\n"


def wait(seconds):
    time.sleep(seconds)


@pytest.mark.slow
def test_a_lost_scheduler_is_a_clear_error():
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    work = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard"]
    with subprocess.Popen([*command, "--no-dashboard"], stderr=subprocess.PIPE, text=True) as scheduler:
        address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
        with subprocess.Popen([*work, address], stderr=subprocess.DEVNULL) as worker:
            cluster = DaskCluster(address)
            assert cluster.map(double, [4], "doubling") == [8]
            threading.Timer(2.0, scheduler.kill).start()
            with pytest.raises(NotRunError, match="connection to the Dask scheduler was lost"):
                cluster.map(wait, [60.0], "waiting")
            worker.kill()
