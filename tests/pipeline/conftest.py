"""Runs that several tests look at: each is made once."""

import pytest

from tests.pipeline.small_city import LENIENT, declare, run_task


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """Return the folder where the shared runs and their stored forecasts lie."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture(scope="session")
def admitted(shelf):
    """Return a weekly run that the gate admitted under lenient limits, which were declared before."""
    declare(shelf, *LENIENT, "backtest.horizon=1")
    return run_task("weekly", shelf, *LENIENT, "backtest.horizon=1")


@pytest.fixture(scope="session")
def withheld(tmp_path_factory):
    """Return a weekly run without a group table, with a register of its own."""
    return run_task("weekly", tmp_path_factory.mktemp("withheld"))
