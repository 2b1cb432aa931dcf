"""Evaluation of a trial: planted effects, and everything that limits what may be said about them."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.audit.register.declarations import DECLARED
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.dose import Dose
from ilp_models.domain.errors import InputError
from ilp_models.domain.trial_design import TrialDesign, TrialTerms
from ilp_models.evaluation.schemes import MatchedPairs
from tests.builders import city, events_of, harm_sets

pytestmark = pytest.mark.slow

GRID = city(6, 6)
CELLS = [str(cell) for cell in GRID.cells]
WEEKS, BEFORE, DURING = 78, 52, 26
DRAWN = MatchedPairs().draw(np.arange(36) // 2, 1, 1, np.random.default_rng(4))[0, :, 0]
DESIGN = TrialDesign(
    terms=TrialTerms(goal="fewer burglaries", success_criterion="10 % fewer"),
    scheme="matched pairs",
    scheme_settings={"block_size": 2, "share": 0.5},
    unit_kind="cells",
    units=tuple(CELLS),
    cells=tuple((cell,) for cell in CELLS),
    zones=((),) * 36,
    blocks=tuple(int(one) for one in np.arange(36) // 2),
    assignment=tuple("1" * DURING if one else "0" * DURING for one in DRAWN),
    start="2018-12-31",
    periods=DURING,
    periods_before=BEFORE,
    period_unit="week",
    week_start="monday",
    time_zone="America/Toronto",
    outcomes=("a", "b"),
    found_by_patrols=("c",),
    seed=4,
    promise={"effect": 0.3, "power": 0.9},
    evidence={},
)


class OwnGrid:
    """A grid class that always gives the same cells."""

    def build(self, _):
        return GRID


def recorded(effect=0.3, more_found=0.5, seed=1, weeks=WEEKS):
    """Return events of three types; a trial lowers a and b, and raises what patrols find."""
    mean = np.full((3, 36, weeks), 1.5)
    mean[:2, DRAWN, BEFORE:] *= 1 - effect
    mean[2, DRAWN, BEFORE:] *= 1 + more_found
    return events_of(np.random.default_rng(seed).poisson(mean), GRID)


EVENTS = recorded()
QUIET = events_of(np.ones((3, 36, WEEKS), int) * np.array([1, 1, 0])[:, None, None], GRID)  # none of type c


def registered(path, design=DESIGN, moment="2018-12-01"):
    register = Register(path / "register.jsonl")
    content = {"start": design.start, "assignment": dict(zip(design.units, design.assignment, strict=True))}
    when = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    register.append(RegisterEntry(DECLARED, "analyst", design.digest(), when, {"trial": content}))
    return register


def evaluate(design=DESIGN, events=EVENTS, **settings):
    return ilp.evaluate_trial(design, events, OwnGrid(), **settings)


def checks(result):
    return [one.check for one in result.findings]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return evaluate(register=registered(tmp_path_factory.mktemp("register")))


def test_a_planted_effect_is_found_by_every_estimator(result):
    assert not result.observational
    assert result.main["estimator"] == "intention to treat"
    assert result.main["conclusion"] == "fewer"
    own = result.effects[result.effects["role"] != "secondary"]
    assert {"difference in differences", "displacement difference"} < set(own["estimator"])
    assert own["ratio"].between(0.6, 0.8).all()
    assert (own["ratio_low"] < 0.7).all()
    assert (own["ratio_high"] > 0.7).all()
    assert "places assigned to treatment there were" in result.headline
    lost = 18 * DURING * 2 * 1.5 * 0.3
    assert result.main["events_low"] < -lost < result.main["events_high"]


def test_what_patrols_find_is_apart(result):
    found = result.effects[result.effects["kind"] == "found by patrols"].iloc[0]
    assert (found["outcome"], found["conclusion"]) == ("c", "more")
    assert result.effects.loc[result.effects["kind"] == "crime type", "outcome"].tolist() == ["a", "b"]
    assert "found by patrols" in checks(result)


def test_secondary_p_values_are_adjusted_together(result):
    second = result.effects[result.effects["role"] == "secondary"]
    assert (second["p_adjusted"] >= second["p_value"]).all()
    assert second["p_adjusted"].min() == pytest.approx(second["p_value"].min() * len(second))


def test_without_a_registered_design_the_result_is_observational(tmp_path):
    late = registered(tmp_path, moment="2019-02-01")
    for register, check in ((None, "no register"), (Register(tmp_path / "none.jsonl"), "not registered")):
        found = evaluate(register=register)
        assert found.observational
        assert found.findings[0].check == check
    found = evaluate(register=late)
    assert "intention to treat" not in set(found.effects["estimator"])
    assert "registered on 2019-02-01, after the first day" in found.findings[0].text
    assert repr(found).startswith("OBSERVATIONAL\n")
    page = found.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<h2>OBSERVATIONAL</h2>" in page
    assert "caused" not in page


def test_an_assignment_that_was_changed_is_seen(tmp_path):
    register = registered(tmp_path)
    words = list(DESIGN.assignment)
    words[0], words[1] = words[1], words[0]
    found = evaluate(replace(DESIGN, assignment=tuple(words)), register=register)
    assert found.observational
    assert found.findings[0].check == "changed after registration"
    assert DESIGN.digest()[:16] in found.findings[0].text


def test_no_effect_is_called_so_with_what_the_trial_could_show(tmp_path):
    found = evaluate(events=recorded(effect=0.0, seed=3), register=registered(tmp_path))
    assert found.main["conclusion"] == "no effect shown"
    assert found.headline.startswith("No effect is shown.")
    page = found.to_html(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "planned to show 30" in page
    assert "The interval excludes a reduction of 30" in page


def test_harm_groups_and_costs_weigh_the_counts(tmp_path):
    residents = pd.DataFrame(
        {
            "area": ["West", "West", "East", "East"],
            "dimension": "income",
            "group": ["low", "high"] * 2,
            "population": [900, 100, 100, 900],
        }
    )
    found = evaluate(
        harm=harm_sets({"a": 10.0, "b": 1.0, "c": 5.0}, {"a": 1.0, "b": 1.0, "c": 1.0}),
        groups=ilp.GroupTable(source=type("Own", (), {"groups": lambda _: residents.astype(str)})()),
        costs_per_event={"a": 100.0},
        register=registered(tmp_path),
    )
    rows = found.effects.set_index("outcome")
    assert rows.loc["costs", "treated_count"] == 100 * rows.loc["a", "treated_count"]
    assert rows.loc["harm second", "events"] == pytest.approx(found.main["events"])
    groups = rows.loc[["income: low", "income: high"], "treated_count"]
    assert groups.sum() == pytest.approx(found.main["treated_count"])
    assert (rows.loc[["income: low", "income: high"], "ratio_low"] < 0.7).all()


def dose_file(folder):
    """Write two hours for each treated cell but one, and for one control."""
    treated = [cell for cell, one in zip(CELLS, DRAWN, strict=True) if one]
    control = next(cell for cell, one in zip(CELLS, DRAWN, strict=True) if not one)
    rows = [f"{cell},2019-01-07,2,3" for cell in [*treated[1:], control]]
    (folder / "dose.csv").write_text("\n".join(["cell,period,hours,crews", *rows]), encoding="utf-8")
    return str(folder / "dose.csv")


def page_with_dose(folder):
    """Write the page of an observational result with both figures."""
    return evaluate(dose=dose_file(folder)).to_html(folder / "evaluation.html")


def test_dose_and_flow(tmp_path):
    path = dose_file(tmp_path)
    found = evaluate(dose=path)
    flow = found.flow.set_index("stage")
    assert flow.loc["assigned", ["treated", "control"]].tolist() == [18, 18]
    assert flow.loc["dose in a treated period", "treated"] == 17
    assert flow.loc["dose in an untreated period", "control"] == 1
    assert {"dose missing", "dose outside"} <= set(checks(found))
    assert isinstance(ilp.read_dose(path), Dose)
    page = ilp.write_trial_evaluation(found, tmp_path / "run").read_text(encoding="utf-8")
    assert {one.name for one in (tmp_path / "run" / "figures").iterdir()} == {"dose_map.png", "event_study.png"}
    shown = found.dose_map
    assert f"Places with shown hours: {len(shown)}; hidden: 0." in page
    assert f"treatment: {shown['treated_hours'].sum():.1f}; without: {shown['other_hours'].sum():.2f}" in page


def test_files_and_register_hold_the_result_and_a_revision_is_counted(tmp_path, result):
    register = registered(tmp_path)
    page = ilp.write_trial_evaluation(result, tmp_path / "run", register=register)
    assert page.is_file()
    facts = json.loads((tmp_path / "run" / "evaluation.json").read_text(encoding="utf-8"))
    assert facts["effects"][0]["conclusion"] == "fewer"
    assert {"effects.csv", "flow.csv", "evaluation.xlsx"} <= {one.name for one in (tmp_path / "run").iterdir()}
    line = register.verify().lines[-1]
    assert (line.act, line.decision) == ("evaluated", DESIGN.digest())
    again = evaluate(register=register)
    assert "outcome revised" not in checks(again)
    fewer = replace(EVENTS, table=EVENTS.table.drop(index=EVENTS.table.index[EVENTS.table["crime_type"] == "a"][:3]))
    revised = next(one for one in evaluate(events=fewer, register=register).findings if one.check == "outcome revised")
    assert revised.facts["difference"] == -3
    assert 1 <= revised.facts["changed"] <= 3
    assert again.facts["earlier_evaluations"] == 1


@pytest.mark.parametrize(
    ("changes", "events", "check"),
    [
        ({"periods_before": 60}, EVENTS, "short past"),
        ({}, recorded(weeks=70), "not over"),
        ({"outcomes": ("c",), "found_by_patrols": ()}, QUIET, "no events"),
        (
            {"assignment": tuple("1" * DURING if at == 0 else "0" * DURING for at in range(36))},
            EVENTS,
            "one treated unit",
        ),
        ({"blocks": tuple(at // 2 if at < 8 else -1 for at in range(36))}, EVENTS, "few assignments"),
        ({"scheme": "observational", "scheme_settings": {}}, EVENTS, "not randomised"),
        ({"signed": {"who": "chief", "reason": "no other place"}}, EVENTS, "signed below power"),
    ],
)
def test_what_limits_the_result_is_a_finding(tmp_path, changes, events, check):
    design = replace(DESIGN, **changes)
    found = evaluate(design, events, register=registered(tmp_path, design))
    assert check in checks(found)
    assert all(one.text for one in found.findings)
    found.to_html(tmp_path / "page.html")


@pytest.mark.parametrize(
    ("design", "settings", "said"),
    [
        (replace(DESIGN, cells=(("z9",), *DESIGN.cells[1:])), {}, "1 of 36 units have cells that the grid lacks"),
        (replace(DESIGN, time_zone="UTC"), {}, "time zone America/Toronto, and the design in UTC"),
        (replace(DESIGN, start="2020-01-06"), {}, "no whole period of the trial"),
        (DESIGN, {"confidence": 95}, "confidence=95"),
        (DESIGN, {"costs_per_event": -1.0}, "costs_per_event=-1.0"),
        ("nowhere.json", {}, "design=nowhere.json: there is no such file"),
    ],
)
def test_what_cannot_be_evaluated_is_an_error(design, settings, said):
    with pytest.raises(InputError, match=said):
        evaluate(design, **settings)
