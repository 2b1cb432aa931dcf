from dataclasses import replace
from datetime import UTC, datetime

from ilp_models.audit.register.declarations import DECLARED
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.evaluation.outcomes import TrialCounts
from ilp_models.pipeline.trial_register import EVALUATED, TrialRegistration, period_sums, register_evaluation
from tests.evaluation.small_trial import DESIGN, panel

COUNTS = TrialCounts.of_panels(DESIGN, {None: panel()})


def declared(path, moment="2026-01-12", design=DESIGN):
    """Return a register with the line of a design."""
    register = Register(path / "register.jsonl")
    content = {"start": design.start, "assignment": dict(zip(design.units, design.assignment, strict=True))}
    when = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    register.append(RegisterEntry(DECLARED, "analyst", design.digest(), when, {"trial": content}))
    return register


def known(register, design=DESIGN):
    return TrialRegistration.of_design(design, register, simulated=False)


def checks(registration):
    return [one.check for one in registration.findings]


def test_a_design_is_registered_in_time_late_or_not_at_all(tmp_path):
    register = declared(tmp_path)
    assert (known(register).in_time, checks(known(register))) == (True, [])
    assert known(register).moment == datetime(2026, 1, 12, tzinfo=UTC)
    (tmp_path / "late").mkdir()
    late = known(declared(tmp_path / "late", "2026-01-20"))
    assert (late.in_time, checks(late)) == (False, ["registered late"])
    assert (known(None).in_time, checks(known(None))) == (False, ["no register"])


def test_another_design_of_the_same_units_and_day_was_changed(tmp_path):
    register = declared(tmp_path)
    changed = known(register, replace(DESIGN, assignment=("000", "111")))
    assert (changed.in_time, checks(changed)) == (False, ["changed after registration"])
    assert changed.findings[0].facts["other"] == DESIGN.digest()[:16]
    assert checks(known(register, replace(DESIGN, start="2026-01-26"))) == ["not registered"]
    assert checks(known(register, replace(DESIGN, units=("east", "west")))) == ["not registered"]


def test_sums_are_those_of_treated_units_and_of_the_others():
    # burglary + robbery are 1 + 2 times the number of the cell times the week; a + b = 3 = c
    assert period_sums(COUNTS) == {
        "2026-01-05": [9.0, 9.0],
        "2026-01-12": [18.0, 18.0],
        "2026-01-19": [27.0, 27.0],
        "2026-01-26": [36.0, 36.0],
        "2026-02-02": [45.0, 45.0],
    }


def test_counts_that_changed_since_the_last_evaluation_are_told(tmp_path):
    register = declared(tmp_path)
    assert list(known(register).revisions(COUNTS)) == []
    sums = period_sums(COUNTS)
    register_evaluation(DESIGN, register, {"sums": sums})
    assert register.verify().lines[-1].act == EVALUATED
    assert list(known(register).revisions(COUNTS)) == []
    register_evaluation(DESIGN, register, {"sums": sums | {"2026-01-26": [40.0, 36.0]}})
    (finding,) = known(register).revisions(COUNTS)
    assert finding.check == "outcome revised"
    assert {name: finding.facts[name] for name in ("changed", "total", "difference")} == {
        **{"changed": 1, "total": 10, "difference": -4.0}
    }
