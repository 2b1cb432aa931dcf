import json
from datetime import timedelta

import pandas as pd
import pytest

from ilp_models.audit.monitoring.cusum import MonitoringOutcome
from ilp_models.audit.register.standing_checks import MONITORED, QUIET
from ilp_models.pipeline import monitoring_results
from ilp_models.pipeline.monitoring_results import MonitoringResults
from tests.domain.gate_example import NOW, decision

SERIES = pd.DataFrame(
    {
        "measure": ["coverage_ratio", "sum_ratio"],
        "crime_type": ["all", "theft"],
        "dimension": ["income", ""],
        "group": ["low", ""],
        "breaches": [3, 0],
        "first_breach": ["2022-01-10", ""],
        "towards": ["down", ""],
    }
)
FACTS = {
    "settings": {"breaches": 3},
    "new_periods": 8,
    "reference_periods": 52,
    "series_watched": 2,
    "allowance": 1.0,
    "limit": 5.0,
    "false_alarms_a_year": {"any_series": 0.05},
}
RUN = {
    "data": "d" * 64,
    "last_period": "2022-02-21T00:00:00",
    "new_periods_span": ["2022-01-03", "2022-02-21"],
    "audited_periods": ["2021-01-04", "2021-12-27"],
}
MOVED = {"part": "mix", "crime_type": "", "dimension": "", "group": "", "distance": 0.25, "noise_high": 0.1}


def results(breached=3, proposes=True):
    days = tuple(f"2022-01-{10 + 7 * at}" for at in range(breached))
    outcome = MonitoringOutcome(pd.DataFrame(), SERIES, FACTS, proposes, days)
    drift = pd.DataFrame([MOVED | {"exceeds_noise": True}, MOVED | {"part": "place", "exceeds_noise": False}])
    return MonitoringResults(decision(), outcome, drift, pd.DataFrame(), ("a note",), RUN)


@pytest.mark.parametrize(
    ("breached", "proposes", "said"),
    [
        (3, True, "WITHDRAWAL IS PROPOSED: 3 periods with a breach (3 are enough). Nothing was withdrawn."),
        (1, False, "1 periods with a breach. Withdrawal is proposed after 3."),
        (0, False, "No series left the range of the audited periods."),
    ],
)
def test_the_verdict_follows_the_periods_with_a_breach(breached, proposes, said):
    assert results(breached, proposes).verdict().startswith(said)


def test_the_command_names_the_series_that_breached():
    assert results().command("outputs/run") == (
        "ilp withdraw source=outputs/run reason='monitoring: breaches in 3 periods "
        "(coverage ratio all low down since 2022-01-10)'"
    )


def test_lines_have_breaches_drift_and_the_command_where_one_is_proposed():
    lines = results().lines("outputs/run")
    assert "  breach       coverage ratio all low down since 2022-01-10" in lines
    assert [one for one in lines if one.startswith("  drift")] == [
        "  drift        mix: changed by 25.0%; chance and season explain up to 10.0%"
    ]
    assert lines[-1].strip() == results().command("outputs/run")
    assert not any("ilp withdraw" in one for one in results(1, proposes=False).lines("outputs/run"))


def test_the_line_of_the_register_ends_a_standing_approval_after_a_breach():
    line = results().line()
    assert (line.act, line.decision) == (MONITORED, decision().seal)
    assert (line.content[QUIET], line.content["periods_with_breach"]) == (False, 3)
    assert results(0, proposes=False).line().content[QUIET] is True


def test_files_hold_the_verdict(tmp_path, monkeypatch):
    monkeypatch.setattr(monitoring_results, "write_monitor_page", lambda *_: [])
    files = results().write("outputs/run", tmp_path)
    assert [path.name for path in files] == ["monitor.csv", "drift.csv", "monitor.json"]
    stored = json.loads(files[-1].read_text(encoding="utf-8"))
    assert (stored["verdict"], stored["withdraw"]) == (results().verdict(), results().command("outputs/run"))
    assert len(stored["drift"]) == 2


def test_a_decision_that_is_over_is_told(monkeypatch):
    monkeypatch.setattr(monitoring_results, "now", lambda: NOW)
    assert monitoring_results._expired(decision()) == ()
    monkeypatch.setattr(monitoring_results, "now", lambda: NOW + timedelta(days=7))
    assert "The decision expired on" in monitoring_results._expired(decision())[0]


def test_the_number_of_changes_that_chance_explains_is_told():
    drift = results().drift
    told = monitoring_results._chance(
        drift.loc[drift.index.repeat(20)].assign(noise_high=[0.1] * 30 + [float("nan")] * 10)
    )
    assert told.startswith("Drift: 20 of 30 distributions")
    assert told.endswith("By chance, about 1.5 would.")
