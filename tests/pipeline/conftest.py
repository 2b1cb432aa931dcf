"""Runs that several tests look at: each is made once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.pipeline.small_city import LENIENT, build_task, declare, reviewer_key, run_task
from tests.pipeline.trial_city import design


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


@pytest.fixture(scope="session")
def under_rule(tmp_path_factory, shelf):
    """Return a function of settings of a rule; it gives a folder and a weekly run in it that is permitted under it.

    A rule that uses groups needs a signed approval, which is given.
    """
    made = {}

    def permitted(*words):
        if words not in made:
            folder = tmp_path_factory.mktemp("rule")
            key, name = reviewer_key(folder)
            settings = (*LENIENT, f"audit.governance.reviewer_key={name}", "backtest.horizon=1", *words)
            declare(folder, *settings)
            done = run_task("weekly", folder, f"store='{shelf}/forecasts'", *settings)
            if not done.decision["admitted"]:
                assert [one["check"] for one in done.decision["obstacles"]] == ["group_rule"]
                approve = (f"source='{done.folder}'", "reviewer=R. Viewer", "reason='agreed with the panel'")
                run_task("approve", folder, *approve, f"key='{key}'")
            made[words] = folder, done
        return made[words]

    return permitted


@pytest.fixture(scope="session")
def residents(shelf):
    """Return the file of the group table that the small city was audited with."""
    _, parts = build_task("audit", f"output={shelf}")
    path = Path(shelf, "residents.csv")
    parts["data"].groups().to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def two_groupings(residents):
    """Return the file of a group table with a second grouping, by which a rule on the first is judged."""
    table = pd.read_csv(residents)
    total = table.groupby("area", as_index=False)["population"].sum().assign(dimension="tenure")
    shares = {"rented": 0.25 + 0.5 * (np.arange(len(total)) % 2), "owned": 0.75 - 0.5 * (np.arange(len(total)) % 2)}
    second = [total.assign(group=name, population=total["population"] * share) for name, share in shares.items()]
    path = residents.with_name("two_groupings.csv")
    pd.concat([table, *second])[["area", "dimension", "group", "population"]].to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def designed():
    """Return the design of a trial in the city of :mod:`tests.pipeline.trial_city`."""
    return design()
