"""The design of a field trial: what is refused, what is registered, and what the files say."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import ilp_models as ilp
from ilp_models.audit.register.declarations import declarations_for
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.trial_design import TrialDesign
from tests.builders import city, events_of

WORDS = ("goal", "success_criterion", "harm_to_watch", "decided_by", "dose", "ethics_review_by")
REFERENCES = ("ethics_review_reference", "public_notice_reference")
DAYS = {"ethics_review_date": "2026-01-05", "public_notice_date": "2026-01-12"}
TERMS = ilp.TrialTerms(**DAYS, **dict.fromkeys((*WORDS, *REFERENCES), "as agreed"))
ROWS, COLUMNS, WEEKS = 6, 6, 120
GRID = city(ROWS, COLUMNS)
COUNTS = np.random.default_rng(3).poisson(2.0, (2, ROWS * COLUMNS, WEEKS))
EVENTS = events_of(COUNTS, GRID)
AFTER = "2099-01-05"  # a Monday


class OwnGrid:
    """A grid class that always gives the same cells."""

    def build(self, _):
        return GRID


def design(events=EVENTS, **changes):
    settings = {
        "terms": TERMS,
        "start": AFTER,
        "periods": 20,
        "effect": 0.4,
        "units": ilp.TrialUnits(count=18, buffer_m=0),
        "power": ilp.PowerSimulation(trials=40),
        "least_power": 0.0,
    }
    return ilp.design_trial(events, OwnGrid(), **(settings | changes))


@pytest.fixture(scope="module")
def designed():
    return design()


def test_a_design_is_equal_for_an_equal_seed_and_balanced_in_pairs(designed):
    assert design().design.digest() == designed.design.digest()
    other = design(seed=1).design
    assert other.assignment != designed.design.assignment
    assert replace(other, assignment=designed.design.assignment, seed=0) == designed.design
    treated, blocks = designed.design.treated[:, 0], np.array(designed.design.blocks)
    assert all(treated[blocks == block].sum() == 1 for block in range(9))
    assert designed.flow == {
        **{"cells": 36, "eligible_cells": 36, "eligible_units": 36, "too_near": 0, "places": 18, "units": 18},
        **{"in_no_block": 0, "treated": 9, "control": 9, "changing": 0},
    }


def test_the_units_are_those_of_highest_past_counts(designed):
    past = pd.Series(COUNTS.sum(axis=0)[:, -52:].sum(axis=1), index=GRID.cells)
    assert set(past[list(designed.design.units)]) == set(past.nlargest(18))
    assert designed.chosen_from == "past counts, not an audited forecast"


def test_power_falls_without_an_effect_and_grows_with_it(designed):
    power = designed.power.set_index("effect")["power"]
    assert power[0.0] < 0.2 < power[0.4] <= power[0.5]
    row = designed.power.set_index("effect").loc[0.4]
    assert designed.design.promise["power"] == row["power"]
    assert row["events"] == pytest.approx(18 * 20 * 4, rel=0.1)  # two types of two crimes a week each
    assert set(designed.curves["varied"]) == {"periods", "units", "radius_m"}
    assert designed.curves.loc[designed.curves["units"] == 9, "power"].notna().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"terms": replace(TERMS, goal=" ", ethics_review_by=None)}, "goal is empty, ethics_review_by is empty"),
        (
            {"terms": replace(TERMS, public_notice_date="2099-02-01")},
            "public_notice_date 2099-02-01 is after the first",
        ),
        ({"start": "2099-01-06"}, "not the first day of a week. The next one begins on 2099-01-12"),
        ({"start": "2020-01-06"}, "before the end of the records, 2020-04-19"),
        ({"start": "2020-05-04"}, "start=2020-05-04 is over"),
        ({"start": "soon"}, "start=soon is not a date"),
        ({"least_power": 0.8, "effect": 0.01}, r"chance of only \d+%, and least_power=0.8"),
        ({"least_power": 0.8, "effect": 0.01, "signed_by": "A. Chief", "signed_reason": " - "}, "least_power=0.8"),
        ({"effect": 20}, "effect=20 between 0 and 1"),
        ({"treated_units": ["x"]}, "would replace the draw of the scheme matched pairs"),
        ({"scheme": ilp.Observational(), "treated_units": ["x"]}, r"treated_units=\['x'\] must name some"),
        ({"outcomes": ["a"], "found_by_patrols": ["a"]}, r"\['a'\] cannot be outcomes and found_by_patrols"),
        ({"outcomes": ["c"]}, "no crime type 'c'"),
        ({"shifts": [18, 2]}, r"shifts=\[18, 2\]: 18 must be the first hour of a shift"),
        ({"scheme": ilp.Crossover(slot=3)}, "Give a multiple of 6 periods"),
    ],
)
def test_what_makes_no_trial_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        design(**changes)


def test_a_signature_is_kept_only_where_it_was_needed():
    signature = {"signed_by": "A. Chief", "signed_reason": "a pilot"}
    signed = design(least_power=0.8, effect=0.01, **signature).design
    assert signed.signed == {"who": "A. Chief", "reason": "a pilot"}
    assert design(**signature).design.signed == {}


def test_files_and_the_line_of_the_register(designed, tmp_path):
    register = tmp_path / "register.jsonl"
    path = ilp.write_trial_design(designed, tmp_path / "trial", register=register)
    stored = TrialDesign.from_json(path.read_bytes())
    assert stored.digest() == designed.design.digest()
    (line,) = ilp.Register(register).verify().lines
    assert (line.act, line.decision) == ("declared", stored.digest())
    assert line.content["trial"]["assignment"] == dict(zip(stored.units, stored.assignment, strict=True))
    assert line.content["trial"]["seed"] == 0
    # it is no declaration of the settings of an audit of the same area
    assert declarations_for([line], {"extent": GRID.extent()}, "2099-01-05T00:00:00+00:00") == ()
    rows = pd.read_csv(path.with_name("assignment.csv"))
    assert list(rows.columns) == ["unit", "cell", "period", "treated"]
    assert len(rows) == 18 * 20
    assert rows.groupby("period")["treated"].sum().unique().tolist() == [9]
    shapes = json.loads(path.with_name("units.geojson").read_text())["features"]
    assert {one["properties"]["cell"] for one in shapes} == set(stored.units)
    page = path.with_name("design.html").read_text()
    assert stored.digest() in page
    assert "No gate has checked it" in page
    assert 'alt="Map of the units: 9 cells treated, 9 cells control.' in page
    assert "The least power of this trial was set to 0" in page
    assert "Not measured: no group table" in page
    assert "OBSERVATIONAL" not in page
    with pytest.raises(InputError, match=r"is in .* already"):
        ilp.write_trial_design(designed, tmp_path / "again", register=register)
    assert list((tmp_path / "again").iterdir()) == []
    ilp.write_trial_design(design(seed=1), tmp_path / "second", register=register)
    assert f"<dd>1: {line.moment:%Y-%m-%d}</dd>" in (tmp_path / "second" / "design.html").read_text()


def test_an_edited_register_leaves_no_file(designed, tmp_path):
    register = tmp_path / "register.jsonl"
    register.write_text('{"act": "declared"}\n')
    with pytest.raises(StorageError, match="line 1"):
        ilp.write_trial_design(designed, tmp_path / "trial", register=register)
    assert list((tmp_path / "trial").iterdir()) == []


def test_an_observational_design_says_so_on_its_face(tmp_path):
    chosen = list(design().design.units[:4])
    found = design(scheme=ilp.Observational(), treated_units=chosen)
    assert not found.design.randomised
    assert [unit for unit, one in zip(found.design.units, found.design.treated, strict=True) if one.all()] == chosen
    assert "low" not in found.design.promise
    json.loads(found.design.to_json(), parse_constant=pytest.fail)  # NaN is no JSON
    ilp.write_trial_design(found, tmp_path, register=tmp_path / "register.jsonl")
    assert "OBSERVATIONAL" in (tmp_path / "design.html").read_text()
