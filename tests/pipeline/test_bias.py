"""Cities with a planted tilt towards one group: the gate sees it where groups live apart, and lets none through."""

import pytest

from ilp_models.pipeline import audit_report
from tests.pipeline.small_city import GROUPS, LENIENT, run_task

pytestmark = pytest.mark.slow

CITY = ("data.size_km=6", "data.districts=6", "data.weeks=150", "backtest.test_periods=20", "backtest.refit_every=20")
AUDIT = ("audit.min_evidence={periods:20,events:20,areas:3}", "export.formats=[parquet]")
# Lenient about accuracy, so that what withholds here is what was measured of groups.
ACCURACY = tuple(line for line in LENIENT if not line.startswith(("audit.limits.need_", "audit.limits.cover")))
APART = "data.segregation=0.6"
PLANTED = {
    "mixed": ("data.segregation=0.15",),
    "apart": (APART,),
    "concentrated": (APART, "data.composition_risk=1.0"),
    "over-recorded": (APART, "data.reporting_slope=0.9", "data.reporting_rate=0.5"),
}


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    place = tmp_path_factory.mktemp("bias")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_report, "_FRONTIER_PERIODS", 1)  # no part of a decision, and half the time
        return {
            name: run_task("audit", place, *ACCURACY, *CITY, *AUDIT, *planted).decision
            for name, planted in PLANTED.items()
        }


def estimate(decision, check, group=""):
    (found,) = [
        one["value"]
        for one in decision["findings"]
        if (one["check"], one["group"], one["crime_type"]) == (check, group, "all")
    ]
    return found


def failed(decision):
    return {one["check"] for one in decision["findings"] if one["state"] == "fail"}


def test_where_groups_live_mixed_nothing_about_groups_fails(audits):
    assert GROUPS in ACCURACY
    assert failed(audits["mixed"]) == set()
    assert estimate(audits["mixed"], "exposure_ratio", "cedar") < 1.25


@pytest.mark.parametrize("name", ["concentrated", "over-recorded"])
def test_a_planted_tilt_is_withheld_for_what_was_measured_of_groups(audits, name):
    decision = audits[name]
    assert decision["admitted"] is False
    assert "coverage_ratio" in failed(decision)
    assert failed(decision) <= {"coverage_ratio", "need_adjusted_ratio", "exposure_ratio"}


def test_concentration_shows_in_the_exposure_of_the_marked_group(audits):
    assert estimate(audits["concentrated"], "exposure_ratio", "cedar") > 3
    assert estimate(audits["apart"], "exposure_ratio", "cedar") < 1


def test_recording_more_of_one_group_raises_its_exposure_though_nothing_else_changed(audits):
    before, after = (estimate(audits[name], "exposure_ratio", "cedar") for name in ("apart", "over-recorded"))
    assert after > 1.5 * before
