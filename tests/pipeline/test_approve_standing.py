"""A standing approval in use: two weeks of the small city, monitored in between, and the second one allocated."""

import json

import pytest

from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.pipeline.run_folder import load_approved
from tests.pipeline.small_city import LENIENT, build_task, reviewer_key, run_task
from tests.pipeline.test_monitor import AUDITED, SAME, WATCHED, Until

pytestmark = pytest.mark.slow
PLAN = ("backtest.horizon=1", f"backtest.test_periods={AUDITED}", f"backtest.refit_every={AUDITED}")


@pytest.fixture(scope="module")
def city():
    return build_task("weekly")[1]["data"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("standing")


@pytest.fixture(scope="module")
def key(place):
    return reviewer_key(place)


@pytest.fixture(scope="module")
def weeks(place, city, key):
    """Return three weeks: the first with a standing approval; the records of each reach one week further."""
    governed = (*LENIENT, *PLAN, f"audit.governance.reviewer_key={key[1]}")
    first = run_task("weekly", place, *governed, data=Until(city, 2))
    signing = ("reviewer='R. Viewer'", "reason='changed settings, as agreed'", f"key='{key[0]}'", "standing_weeks=8")
    signing += ("+monitor.least_periods=20",)
    signed = run_task("approve", place, f"source='{first.folder}'", "tracking=memory", *signing)
    second = run_task("weekly", place, *governed, data=Until(city, 1))
    return first, signed, second


def use(place, done):
    return run_task("approve", place, f"source='{done.folder}'", "tracking=memory", "use_standing=true")


def test_the_next_week_needs_monitoring_and_then_one_command(place, city, weeks):
    first, signed, second = weeks
    assert [one["kind"] for one in second.decision["obstacles"]] == ["review"] * len(second.decision["obstacles"])
    assert "standing  also for later decisions" in signed.text
    last = second.text.splitlines()[-1]
    assert last.startswith(f"Next: ilp monitor source={first.folder}; if it is quiet: ilp approve ")
    with pytest.raises(WithheldError, match="monitoring has not seen its records"):
        use(place, second)
    words = (f"source='{first.folder}'", f"backtest.refit_every={AUDITED}", *SAME, *WATCHED)
    run_task("monitor", place, *words, data=Until(city, 1))
    line = Register(place / "register.jsonl").verify().lines[-1]
    assert (line.act, line.content["quiet"]) == ("monitored", True)
    used = use(place, second)
    assert "in line 2 of the register" in used.text
    page = (used.folder / "approval.html").read_text()
    assert "Under a standing approval" in page
    # the reviewer did not see this forecast
    assert "under a standing approval that <strong>R. Viewer</strong> signed before" in page
    assert "R. Viewer</strong> approved this forecast" not in page
    assert "monitoring is quiet with least_periods=20" in page
    plan = ("compute.jobs=1", "chosen_by='A. Planner'", "reason=as-agreed")
    made = run_task("allocate", place, f"source='{second.folder}'", *plan)
    assert list(made.folder.glob("*.html"))
    approved = load_approved(str(second.folder), register=place / "register.jsonl")
    assert approved.decision.approval.under == 2
    run_task("withdraw", place, f"source='{first.folder}'", "reason=revised", "tracking=memory")
    with pytest.raises(WithheldError, match="was withdrawn"):
        load_approved(str(second.folder), register=place / "register.jsonl")


def test_the_method_of_both_weeks_is_the_same_and_the_records_are_not(weeks):
    first, _, second = ((one.folder / "decision.json") for one in weeks)
    headers = [json.loads(path.read_text())["audit"]["header"] for path in (first, second)]
    assert headers[0]["method_digest"] == headers[1]["method_digest"] != ""
    assert headers[0]["data"] != headers[1]["data"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("use_standing=true", "reviewer='R. Viewer'"), "Leave reviewer out"),
        (("use_standing=true", "standing_weeks=2"), "Leave standing_weeks out"),
        (("reviewer='R. Viewer'",), "needs a reviewer and a reason"),
        (("reviewer=x", "reason=y", "+monitor.limit=9"), "belong to a standing approval"),
        (("reviewer=x", "reason=y", "standing_weeks=1", "+monitor.limits=9"), "monitor.limits is not a setting"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(place, weeks, words, said):
    with pytest.raises(InputError, match=said):
        run_task("approve", place, f"source='{weeks[0].folder}'", "tracking=memory", *words)
