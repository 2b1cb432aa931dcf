"""Workers read what they wrote; if they are lost, this process does."""

import os

import pytest

from ilp_models.compute import reading
from ilp_models.compute.local import LocalProcesses
from ilp_models.compute.reading import check_seen, read_on_workers
from ilp_models.domain.errors import InputError, NotRunError, StorageError


def process_of(task):
    return task, os.getpid()


def refuse(task):
    raise InputError(f"{task} is no run.")


class Lost:
    """Workers that cannot do anything."""

    def __init__(self, error):
        self.error = error

    def map(self, *_):
        raise self.error


@pytest.mark.slow
def test_workers_read():
    found = read_on_workers(LocalProcesses(2), process_of, ["north", "south"], lambda _: False)
    assert [task for task, _ in found] == ["north", "south"]
    assert os.getpid() not in {process for _, process in found}


@pytest.mark.parametrize("error", [NotRunError("A worker was lost."), StorageError("No scheduler answers.")])
def test_without_workers_this_process_reads_and_says_why(error, caplog):
    found = read_on_workers(Lost(error), process_of, ["north", "south"], lambda _: False)
    assert found == [("north", os.getpid()), ("south", os.getpid())]
    assert str(error) in caplog.text


def test_an_error_of_the_function_is_raised_unchanged():
    with pytest.raises(InputError, match="north is no run"):
        read_on_workers(LocalProcesses(1), refuse, ["north"], lambda _: False)


class Blind:
    """Workers that do not see the folder of the client."""

    def map(self, _, tasks, *__):
        return [None for _ in tasks]


def test_what_a_worker_cannot_read_this_process_reads():
    assert read_on_workers(Blind(), process_of, ["north"], lambda one: one is None) == [("north", os.getpid())]


def test_a_folder_that_appears_late_is_seen_and_one_that_does_not_is_an_error(monkeypatch, tmp_path):
    place = tmp_path / "pool" / "now"
    monkeypatch.setattr(reading.time, "sleep", lambda _: place.mkdir(parents=True))
    check_seen(place)
    monkeypatch.setattr(reading, "_DELAY_S", 0.0)
    with pytest.raises(StorageError, match=r"The worker on \S+ does not see .*gone of the client\. Mount one folder"):
        check_seen(tmp_path / "gone" / "now")
