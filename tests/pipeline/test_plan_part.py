from pathlib import Path
from types import SimpleNamespace

from ilp_models.audit.register.register import RegisterState
from ilp_models.pipeline.brief_parts.plan_part import monitoring_part, plan_part
from ilp_models.pipeline.run_record import RunRecord

SEAL = "a" * 64
NOTHING_KNOWN = RegisterState(0, "", "", "")
WEEK = SimpleNamespace(decision=SimpleNamespace(seal=SEAL, short=SEAL[:16]), refusal="")
PLAN = {
    "decision": SEAL,
    "allocator": "top areas",
    "objective": "expected count covered",
    "budget": {"amount": 40.0, "unit": "hours"},
    "chosen": {"who": "A. Planner", "why": "enough."},
    "by_hand": {"share": 0.25, "limit": 0.2, "warnings": ["The limit is not met."]},
    "periods": ["2022-01-03/2022-01-09", "2022-01-10/2022-01-16"],
    "coverage": None,
    "harm": [{"harm_set": "one", "share": share, "title": "A set", "unit": "days"} for share in (0.25, 0.5)],
    "frontier": [{"cap": None, "of_uncapped": 1.0}, {"cap": 1.2, "note": "impossible"}, {"cap": 1.5}],
    "groups": [{"dimension": "income", "group": "low", "exposure_ratio": 1.5, "coverage": 0.25}],
}
MONITORING = {
    "decision": SEAL,
    "new_periods": 8,
    "new_periods_span": ["2022-01-03", "2022-02-21"],
    "audited_periods": ["2021-01-04", "2021-12-27"],
    "periods_with_breach": ["2022-02-21"],
    "verdict": "WITHDRAWAL IS PROPOSED.",
    "proposes_withdrawal": True,
    "notes": ["a note"],
}


def plan(**changes):
    return plan_part(RunRecord(Path("run"), "allocation.json", PLAN | changes), WEEK, NOTHING_KNOWN)


def monitoring(week=WEEK, **changes):
    return monitoring_part(RunRecord(Path("run"), "monitor.json", MONITORING | changes), week)


def test_a_plan_that_the_register_does_not_know_may_not_be_used():
    found = plan()
    assert [one.text for one in found.judgements] == ["The plan of patrols may not be used now."]
    assert found.section.sentences[0].startswith("The plan may not be used now. ")


def test_a_plan_is_told_with_budget_cover_choice_and_changes_by_hand():
    text = " ".join(plan().section.sentences)
    assert "The plan of 2022-01-03 to 2022-01-09, until 2022-01-10 to 2022-01-16" in text
    assert "uses 40 hours and covers no expected crime." in text
    assert "A. Planner chose it: enough." in text
    assert "The limit is not met. 25" in text
    assert "of the effort was set by hand" in text
    assert "of the expected crimes" in " ".join(plan(coverage=0.5).section.sentences)


def test_what_is_not_known_is_said_in_the_tables():
    harm, caps, groups = plan().section.tables
    assert harm.rows[0][0] == "one"
    assert harm.rows[0][2] == "A set; days"
    assert [row[0] for row in caps.rows] == ["none", "1.2", "1.5"]
    assert [row[1] for row in caps.rows[1:]] == ["impossible", "not known"]
    assert groups.rows[0][0] == "income: low"
    assert groups.rows[0][2] == "not known"


def test_a_plan_without_groups_has_a_doubt():
    assert "no group was audited" in " ".join(plan(groups=[]).unknown)
    assert plan().unknown == ()


def test_only_monitoring_of_the_decision_of_the_report_is_a_judgement():
    own = monitoring()
    assert own.judgements[0].text == "Monitoring proposes to withdraw the forecast."
    assert own.section.sentences[-2:] == (
        "8 new periods (2022-01-03 to 2022-02-21) were compared with those of the audit "
        "(2021-01-04 to 2021-12-27); 1 had a breach.",
        "a note",
    )
    other = monitoring(decision="b" * 64)
    assert (other.judgements, other.questions) == ((), ())
    assert other.section.sentences[0] == "Monitoring is about another decision than that of this report."
    assert monitoring(proposes_withdrawal=False).judgements == ()
