"""Fixtures: a working folder with one file of records, and the command line in this process."""

import pytest

from tests.bad_input.run_commands import CommandResult, run_in_process, sample_records


@pytest.fixture
def folder(tmp_path, monkeypatch, undrawn):
    """Return the working folder, with ``crimes.csv`` in it."""
    sample_records().to_csv(tmp_path / "crimes.csv", index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])
    return tmp_path


@pytest.fixture
def ilp(folder, capfd):
    """Return a function that runs a command in this process and returns its result."""

    def call(*words):
        capfd.readouterr()
        code = run_in_process(*words)
        return CommandResult(code, *capfd.readouterr())

    return call
