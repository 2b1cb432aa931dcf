"""Rules are compared before the audited periods, on the same limits and groups, and every trial is named."""

import json

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.reaudit import check_repeatable
from tests.pipeline.small_city import LENIENT, run_apart, run_task

SEARCH = ("rule_search=default", "rule_search.periods=8", "rule_search.shares=[1]", "backtest.horizon=1")
# a limit that the small city misses, so that there is something to remedy
STRICT = ("audit.limits.coverage_ratio.fail_below=0.98", "audit.limits.coverage_ratio.warn_below=0.99")


@pytest.fixture(scope="module")
def searched(tmp_path_factory, shelf):
    """Return an audit with a search, and the folder of its register."""
    folder = tmp_path_factory.mktemp("searched")
    return folder, run_apart("audit", folder, shelf, *LENIENT, *STRICT, *SEARCH)


def test_the_search_ends_before_the_first_audited_period(searched):
    header = searched[1].decision["audit"]["header"]
    search = header["rule_search"]
    assert search["last_period"] < header["first_period"]
    starts = [pd.Timestamp(search[name]) for name in ("first_period", "last_period")]
    assert (starts[1] - starts[0]).days == 7 * 7


def test_every_trial_is_named_and_the_audited_rule_comes_first(searched):
    header = searched[1].decision["audit"]["header"]
    names = [one["name"] for one in header["rule_search"]["trials"]]
    assert names[0] == "the audited rule"
    assert len(set(names)) == len(names)
    assert header["rules_tried"] == names
    assert {"proportional to the forecast, 10 % of the cells", "without assault", "without burglary"} <= set(names)
    # the baseline, moving_average, is never a remedy
    assert [name for name in names if name.startswith("forecaster ")] == ["forecaster ewma"]
    first = header["rule_search"]["trials"][0]
    assert first["cost"]["value"] == 0
    assert all("hits" not in one for one in header["rule_search"]["trials"])


def test_the_decision_has_remedies_with_their_cost_and_no_numbers_that_json_lacks(searched):
    _, done = searched
    text = (done.folder / "decision.json").read_text()
    assert "NaN" not in text
    for one in json.loads(text)["remedies"]:
        assert not one["failed"]
        assert not one["lacking"]
        assert {"value", "low", "high"} == set(one["cost"])
    assert "on the periods from" in done.text
    page = (done.folder / "audit.html").read_text() if (done.folder / "audit.html").exists() else ""
    assert "Other rules that were tried" in page or not page
    check_repeatable(str(done.folder))


def test_a_search_counts_as_an_earlier_decision(searched, shelf):
    folder, first = searched
    again = run_apart("audit", folder, shelf, *LENIENT, "backtest.horizon=1")
    (earlier,) = again.decision["audit"]["header"]["register"]["earlier"]
    assert earlier["rules_tried"] == len(first.decision["audit"]["header"]["rules_tried"])
    (obstacle,) = [one for one in again.decision["obstacles"] if one["check"] == "earlier_decisions"]
    assert f"{earlier['rules_tried']} plans were compared" in obstacle["text"]


@pytest.mark.parametrize("task", ["weekly", "audit"])
def test_a_search_without_a_group_table_is_refused_before_the_backtest(tmp_path, task):
    with pytest.raises(InputError, match="there is no group table"):
        run_task(task, tmp_path, "rule_search=default")
    assert not (tmp_path / "forecasts").exists()


def test_too_few_periods_for_any_plan_to_pass_are_refused(tmp_path, shelf):
    with pytest.raises(InputError, match="no plan could pass"):
        run_apart("audit", tmp_path, shelf, *LENIENT, *SEARCH, "rule_search.periods=5")
    assert not (tmp_path / "register.jsonl").exists()
