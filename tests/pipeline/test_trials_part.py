"""Field trials in the report of findings: the numbers of the run, its limits, and every trial of the register."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

import ilp_models as ilp
from ilp_models.audit.register.declarations import DECLARED
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.pipeline.brief_parts.trials_part import trials_part
from ilp_models.report.formatting import percent
from tests.pipeline.test_evaluation import DESIGN, evaluate, recorded, registered

NOW = datetime(2027, 3, 1, tzinfo=UTC)


def run_of(folder, **changes):
    """Write an evaluation to a run folder, and return what was evaluated."""
    settings = {"register": registered(folder)} | changes
    result = evaluate(**settings)
    ilp.write_trial_evaluation(result, folder / "evaluate-trial" / "2027-01-05-run", register=folder / "register.jsonl")
    return result


def brief_of(folder):
    return ilp.compile_brief(folder, register=folder / "register.jsonl")


def part_of(brief):
    (section,) = [one for one in brief.evidence if one.title == "Field trials"]
    return section


def test_the_report_repeats_the_numbers_of_the_run(tmp_path):
    result = run_of(tmp_path)
    brief = brief_of(tmp_path)
    section = part_of(brief)
    assert section.sentences[0] == result.headline
    assert "The trial was planned to show 30" in section.sentences[2]
    main, *others = section.tables[0].rows
    assert main[1] == percent(result.main["ratio"] - 1, 1, sign=True)
    assert main[-1] == "fewer"
    second = result.effects[result.effects["role"] == "secondary"]
    assert [row[0] for row in others] == ["a", "b", "c (found by patrols)"]
    assert [row[1] for row in others] == [percent(one - 1, 1, sign=True) for one in second["ratio"]]
    judgement = next(one for one in brief.judgements if one.text == result.headline)
    assert judgement.confidence == "high"
    assert f"evaluated on {datetime.now(UTC):%Y-%m-%d}: fewer" in section.tables[1].rows[0]
    page = next(path for path in ilp.write_brief(brief, tmp_path / "out") if path.name == "policy.html")
    assert result.headline in page.read_text(encoding="utf-8").replace("&#39;", "'")


def test_a_result_without_registration_is_observational_and_no_effect_is_said(tmp_path):
    result = run_of(tmp_path, events=recorded(effect=0.0, seed=3), register=None)
    brief = brief_of(tmp_path)
    text = f"OBSERVATIONAL: {result.headline}"
    assert "No effect is shown." in text
    assert part_of(brief.shorten("policy")).sentences == (text,)
    judgement = next(one for one in brief.judgements if one.text == text)
    assert judgement.confidence == "low"
    assert judgement.basis.endswith("limits: no register")
    assert part_of(brief).tables[1].rows[0][-1].endswith("no effect shown, observational")


@pytest.mark.parametrize(("weeks", "confidence"), [(70, "low"), (78, "moderate")])
def test_findings_lower_the_confidence(tmp_path, weeks, confidence):
    design = replace(DESIGN, signed={"who": "chief", "reason": "a pilot"})
    register = registered(tmp_path, design)
    result = evaluate(design, recorded(weeks=weeks), register=register)
    ilp.write_trial_evaluation(result, tmp_path / "evaluate-trial" / "2027-01-05-run", register=register)
    brief = brief_of(tmp_path)
    assert brief.judgements[0].confidence == confidence
    assert ("before its end" in part_of(brief).tables[1].rows[0][-1]) == (weeks < 78)


def test_a_changed_evaluation_is_not_repeated(tmp_path):
    run_of(tmp_path)
    path = tmp_path / "evaluate-trial" / "2027-01-05-run" / "evaluation.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(facts | {"headline": "Crime fell by half."}), encoding="utf-8")
    brief = brief_of(tmp_path)
    assert "Crime fell by half" not in json.dumps(brief.to_dict())
    assert "evaluation.json was changed" in part_of(brief).sentences[0]
    assert not brief.judgements


@pytest.mark.parametrize(
    ("start", "last_day", "simulated", "power", "state"),
    [
        ("2027-01-04", "2027-06-27", False, 0.84, "running"),
        ("2027-04-05", "2027-06-27", False, 0.84, "not begun"),
        ("2026-01-05", "2026-06-28", False, 0.0, "over, not evaluated"),
        ("2027-01-04", "2027-06-27", True, 0.84, "simulated records, not evaluated"),
    ],
)
def test_trials_that_are_not_evaluated_are_listed_with_their_power(tmp_path, start, last_day, simulated, power, state):
    register = registered(tmp_path)
    design = replace(DESIGN, seed=9)
    content = {"start": start, "last_day": last_day, "simulated": simulated, "effect": 0.2, "power": power}
    register.append(RegisterEntry(DECLARED, "analyst", design.digest(), NOW, {"trial": content}))
    part = trials_part(None, register.verify(), NOW)
    _, row = part.section.tables[0].rows
    assert row == (design.digest()[:16], start, last_day, f"{power:.0%} for 20% fewer".replace("%", "\xa0%"), state)
    assert part.section.tables[0].rows[0][-1] == "not evaluated"  # a line that does not say when it ends
    assert f"Running: {int(state == 'running')}." in part.section.sentences[0]
    assert Register(register.path).verify().entries == 2
