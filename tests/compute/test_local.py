import os
import signal
import time

import pytest

from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, NotRunError


def double(number):
    return 2 * number


def late_for_early_tasks(number):
    time.sleep(0.2 if number == 0 else 0.0)
    return number


def where(number):
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def refuse(number):
    if number == 1:
        msg = "This task cannot run."
        raise InputError(msg)
    return number


def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("jobs", [1, 2, -1])
def test_results_keep_the_order_of_the_tasks(jobs):
    compute: Compute = LocalProcesses(jobs)
    assert compute.map(late_for_early_tasks, range(4), "waiting") == [0, 1, 2, 3]
    assert compute.map(double, [], "nothing") == []


def test_one_job_stays_in_this_process():
    assert {pid for pid, _ in LocalProcesses(1).map(where, range(3), "asking")} == {os.getpid()}
    assert {pid for pid, _ in LocalProcesses(4).map(where, [0], "asking")} == {os.getpid()}


def test_many_jobs_use_one_thread_each_in_other_processes():
    answers = LocalProcesses(2).map(where, range(4), "asking")
    assert os.getpid() not in {pid for pid, _ in answers}
    assert {threads for _, threads in answers} == {"1"}


def test_idle_processes_end_and_free_their_memory(monkeypatch):
    monkeypatch.setattr("ilp_models.compute.local._IDLE_SECONDS", 0.5)
    workers = {pid for pid, _ in LocalProcesses(2).map(where, range(4), "asking")}
    until = time.monotonic() + 60  # they end much earlier
    while any(map(runs, workers)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(map(runs, workers))
    assert LocalProcesses(2).map(double, range(4), "asking again") == [0, 2, 4, 6]


@pytest.mark.parametrize("jobs", [1, 2])
def test_task_errors_are_raised_unchanged(jobs):
    with pytest.raises(InputError, match=r"^This task cannot run.$"):
        LocalProcesses(jobs).map(refuse, range(3), "trying")


def test_killed_process_is_a_clear_error():
    with pytest.raises(NotRunError, match=r"memory ran out\. Lower compute\.jobs"):
        LocalProcesses(2).map(die, range(2), "dying")


@pytest.mark.parametrize("jobs", [0, -2])
def test_invalid_number_of_processes_is_refused(jobs):
    with pytest.raises(InputError, match=f"compute.jobs={jobs}"):
        LocalProcesses(jobs)
