"""The desk of a newcomer: a folder with one file of records, and the command line."""

import pytest

from tests.bad_input.newcomer import Answer, incidents, open_door


@pytest.fixture
def desk(tmp_path, monkeypatch, undrawn):
    """Return the working folder, with ``crimes.csv`` in it."""
    incidents().to_csv(tmp_path / "crimes.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])
    return tmp_path


@pytest.fixture
def ilp(desk, capfd):
    """Return the answer to a command line, given in this process."""

    def call(*words):
        capfd.readouterr()
        code = open_door(*words)
        return Answer(code, *capfd.readouterr())

    return call
