"""Changes made by hand: what every file says of them, and what is refused."""

import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.pipeline.briefings import AUDIENCES
from tests.pipeline.small_city import run_task
from tests.pipeline.test_allocate import CHOSEN, allocate, cap_of, refused


@pytest.fixture(scope="module")
def unchanged(shelf, admitted):
    """Return the table of a plan without changes."""
    return gpd.read_parquet(allocate(shelf, admitted.folder, "audience=shift").folder / "allocation.parquet")


def written(path, table, efforts):
    """Write overrides of a plan to a file, and return the setting that names it."""
    period = table["period"].iloc[0]
    rows = [[cell, period, effort, "S. Ergeant", "asked"] for cell, effort in efforts.items()]
    pd.DataFrame(rows, columns=["cell", "period", "effort", "who", "reason"]).to_csv(path, index=False)
    return f"overrides='{path}'"


def pairs(table, count):
    """Return overrides that swap some cells with effort for others without."""
    given, without = (table.loc[(table["effort"] > 0) == one, "cell"].head(count) for one in (True, False))
    return dict.fromkeys(given, 0) | dict.fromkeys(without, 1)


def test_the_share_stands_on_every_page_in_every_file_and_in_the_register(shelf, admitted, unchanged, tmp_path):
    done = allocate(shelf, admitted.folder, written(tmp_path / "o.csv", unchanged, pairs(unchanged, 1)))
    share = 1 / float((unchanged["effort"] > 0).sum())
    words = f"{100 * share:.1f}\N{NO-BREAK SPACE}% of the effort was set by hand (limit 20\N{NO-BREAK SPACE}%)."
    for audience in AUDIENCES:
        page = (done.folder / f"{audience}.html").read_text()
        assert words in page[: page.index('<main id="main">')]
        assert words in json.loads((done.folder / f"{audience}.csv.json").read_text())["by_hand"]
    assert words in json.loads((done.folder / "allocation.csv.json").read_text())["by_hand"]
    stored = json.loads((done.folder / "allocation.json").read_text())
    assert stored["by_hand"]["share"] == pytest.approx(share)
    assert stored["allocator"] == "top areas; changed by hand"
    assert stored["gap"][0] > 0
    line = json.loads(Path(shelf, "register.jsonl").read_text().splitlines()[-1])
    assert line["content"]["by_hand"] == stored["by_hand"]
    assert words in done.text


def test_a_plan_without_changes_says_so_too(shelf, admitted):
    done = allocate(shelf, admitted.folder, "audience=management")
    assert "0.0\N{NO-BREAK SPACE}% of the effort was set by hand" in (done.folder / "management.html").read_text()


def test_too_many_changes_are_refused_unless_the_limit_is_raised_and_shown(shelf, admitted, unchanged, tmp_path):
    setting = written(tmp_path / "o.csv", unchanged, pairs(unchanged, 3))
    line = refused(shelf, tmp_path / "one", admitted.folder, setting)
    assert "of the effort by hand, and max_override_share=0.2 allows" in line
    done = allocate(shelf, admitted.folder, setting, "max_override_share=1", "audience=shift")
    assert "(limit 100\N{NO-BREAK SPACE}%, default 20\N{NO-BREAK SPACE}%)" in (done.folder / "shift.html").read_text()


@pytest.mark.parametrize("most", ["-0.1", "1.5", ".nan"])
def test_a_limit_that_is_no_share_is_refused(most, shelf, admitted, tmp_path):
    assert "must be from 0 to 1" in refused(
        shelf, tmp_path, admitted.folder, f"max_override_share={most}", error=InputError
    )


def test_a_budget_that_is_exceeded_is_refused_before_anything_else(shelf, admitted, unchanged, tmp_path):
    without = unchanged.loc[unchanged["effort"] == 0, "cell"]
    setting = written(tmp_path / "o.csv", unchanged, dict.fromkeys(without, 1))
    assert "Reduce effort in other cells" in refused(
        shelf, tmp_path / "one", admitted.folder, setting, "max_override_share=1", error=InputError
    )


def test_an_override_beyond_a_cap_leaves_no_file_that_claims_it(under_rule, admitted, two_groupings, tmp_path):
    dimension = admitted.decision["audit"]["groups"][0][0]
    shelf, admitted = under_rule(*cap_of(two_groupings, dimension, 1.05))
    table = gpd.read_parquet(allocate(shelf, admitted.folder, "audience=shift").folder / "allocation.parquet")
    ways = (pairs(table.sample(frac=1, random_state=seed), 3) for seed in range(20))
    lines = [written(tmp_path / f"{at}.csv", table, way) for at, way in enumerate(ways)]
    said = []
    for at, setting in enumerate(lines):
        try:
            done = run_task(
                "allocate",
                tmp_path / str(at),
                f"source='{admitted.folder}'",
                f"register='{shelf}/register.jsonl'",
                "compute.jobs=1",
                "audience=shift",
                "frontier.caps=[2]",
                "max_override_share=1",
                *CHOSEN,
                setting,
            )
        except WithheldError as error:
            said.append(str(error))
            continue
        stored = json.loads((done.folder / "allocation.json").read_text())
        assert max(one["exposure_ratio"] for one in stored["groups"] if one["dimension"] == dimension) <= 1.05 * 1.00001
    assert said
    assert all(f"exposure of {dimension}/" in line and "(at most 1.05)" in line for line in said)
