"""Models that must not be used, on real records and residents: the audit finds why, and they cannot be approved."""

import importlib.util
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.gate import decide
from ilp_models.domain.checks import label_of
from ilp_models.domain.finding import State

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "experiments" / "gate-cases"
DATA = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data"))
NEEDED = ("chicago_demography", "chicago_sthsl", "toronto_demography", "toronto_mci")
if not all((DATA / name).is_dir() for name in NEEDED):
    pytest.skip("records and residents of Chicago and Toronto are not available", allow_module_level=True)

# the stated reasons; those of auto theft come with a memory as short as that of the stated model seems to be
STATED = {
    "assault per km2": ("coverage_ratio",),
    "robbery": ("coverage_ratio",),
    "assault top 8": ("need_adjusted_ratio",),
    "auto theft, short memory": ("deviance_skill", "sum_ratio"),
}
CASES = ("auto theft", *STATED)


@pytest.fixture(scope="module")
def run():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        spec = importlib.util.spec_from_file_location("gate_cases", FOLDER / "run.py")
        module = importlib.util.module_from_spec(spec)
        patch.setitem(__import__("sys").modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def outcomes(run):
    return run.reproduce({"Toronto": run.toronto(DATA), "Chicago": run.chicago(DATA)})


def states(outcome, check):
    return {one.group: one.state for one in outcome.report.findings if one.check == check}


@pytest.mark.parametrize(("name", "check"), [(name, check) for name, checks in STATED.items() for check in checks])
def test_a_case_fails_for_the_stated_reason_which_alone_is_enough_to_refuse_it(run, outcomes, name, check):
    assert State.FAIL in states(outcomes[name], check).values()
    alone = outcomes[name].alone(check)
    assert not alone.admitted
    assert run.refusal(alone).startswith(f"This decision cannot be approved: {label_of(check)}")


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_withheld_and_its_approval_refused(run, outcomes, name):
    decision = outcomes[name].decision()
    assert not decision.admitted
    assert run.refusal(decision).startswith("This decision cannot be approved")


def test_a_model_level_with_the_mean_is_refused_on_accuracy_even_without_a_fail(run, outcomes):
    theft = outcomes["auto theft"]
    assert states(theft, "deviance_skill") == {"": State.REVIEW}
    assert run.refusal(theft.alone("deviance_skill")).startswith(
        f"This decision cannot be approved: {label_of('deviance_skill')}"
    )


def test_too_little_cover_comes_out_in_both_directions(outcomes):
    by_land, by_count = (
        {group: row[0] for (check, group), row in outcomes[name].numbers.items() if check == "coverage"}
        for name in ("assault per km2", "robbery")
    )
    rest = "no visible minority"
    assert by_land["Black"] / by_land[rest] == pytest.approx(0.59, abs=0.02)
    assert by_count[rest] / by_count["South Asian"] == pytest.approx(0.69, abs=0.05)
    assert outcomes["robbery"].numbers["coverage_ratio", ""][0] == by_count[rest] / by_count["South Asian"]


def test_chicago_fails_on_need_and_not_on_parity_alone(outcomes):
    chicago = outcomes["assault top 8"]
    found = states(chicago, "need_adjusted_ratio")
    assert (found["Black"], found["white"]) == (State.FAIL, State.FAIL)
    assert chicago.numbers["need_adjusted_ratio", "Black"][0] == pytest.approx(1.556, abs=0.001)
    assert chicago.numbers["need_adjusted_ratio", "white"][0] == pytest.approx(0.131, abs=0.001)
    assert chicago.numbers["exposure over that of white residents", "Black"][0] == pytest.approx(29, abs=0.5)
    assert not any(one.required for one in chicago.report.findings if one.check == "exposure_ratio")


def test_what_agrees_with_the_specification_and_what_does_not_is_kept(run, outcomes):
    made = run.results(outcomes)
    before = made[made["asked"] == "before"].set_index(["case", "measure", "group"])["met"]
    missed = [
        ("auto theft", "expected over recorded, lowest group", ""),
        ("auto theft", "expected over recorded, highest group", ""),
        ("assault per km2", "coverage_ratio", ""),
    ]
    assert before.index[~before].to_list() == missed
    stored = pd.read_csv(FOLDER / "results.csv", keep_default_na=False, na_values={"low": "", "high": ""})
    plain = ["case", "measure", "group", "asked"]
    assert stored[plain].to_numpy().tolist() == made[plain].to_numpy().tolist()
    np.testing.assert_allclose(stored["ours"], made["ours"], atol=0.01)  # trees differ a little between versions


def test_forecasts_see_no_week_that_is_forecast(run):
    counts = np.random.default_rng(1).poisson(2.0, (5, 130)).astype(float)
    changed = counts.copy()
    changed[:, 100:] += 7
    for short in (False, True):
        one, other = (run.features_of(cube, short=short)[:, :101] for cube in (counts, changed))
        np.testing.assert_array_equal(one, other)


@settings(max_examples=100)
@given(data=st.data())
def test_dropping_findings_or_their_numbers_never_admits_a_real_case(outcomes, data):
    """Nor lets a reviewer sign one; also where all that was found but the stated reasons is well."""
    name = data.draw(st.sampled_from(CASES))
    outcome = outcomes[name]
    alone = outcome.alone(*STATED.get(name, ("deviance_skill",)))
    report = data.draw(st.sampled_from([outcome.report, alone.report]))
    places = st.sets(st.integers(0, len(report.findings) - 1))
    dropped, blank = data.draw(places), data.draw(places)
    nothing = dict.fromkeys(("value", "low", "high"), math.nan)
    findings = tuple(
        replace(one, **nothing) if at in blank else one for at, one in enumerate(report.findings) if at not in dropped
    )
    decision = decide(replace(report, findings=findings), outcome.forecast, alone.issued)
    assert not decision.admitted
    assert decision.reviews == ()


@settings(max_examples=100)
@given(data=st.data())
def test_a_real_report_in_which_all_is_well_is_admitted_only_whole(outcomes, data):
    outcome = outcomes[data.draw(st.sampled_from(CASES))]
    well = outcome.alone()
    assert well.admitted
    at = data.draw(st.integers(0, len(well.findings) - 1))
    part = data.draw(st.sampled_from(["value", "low", "high", ""]))
    blank = (replace(well.findings[at], **{part: math.nan}),) if part else ()
    spoilt = (*well.findings[:at], *blank, *well.findings[at + 1 :])
    assert not decide(replace(well.report, findings=spoilt), outcome.forecast, well.issued).admitted
