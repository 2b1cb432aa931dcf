"""The design of a field trial: what is refused, what is registered, and what the files say."""

import json
from dataclasses import replace

import numpy as np
import pytest

import ilp_models as ilp
from tests.pipeline.trial_city import (
    design,
)


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


def test_power_falls_without_an_effect_and_grows_with_it(designed):
    power = designed.power.set_index("effect")["power"]
    assert power[0.0] < 0.2 < power[0.4] <= power[0.5]
    row = designed.power.set_index("effect").loc[0.4]
    assert designed.design.promise["power"] == row["power"]
    assert row["events"] == pytest.approx(18 * 20 * 4, rel=0.1)  # two types of two crimes a week each
    assert set(designed.curves["varied"]) == {"periods", "units", "radius_m"}
    assert designed.curves.loc[designed.curves["units"] == 9, "power"].notna().all()


def test_an_observational_design_says_so_on_its_face(tmp_path):
    chosen = list(design().design.units[:4])
    found = design(scheme=ilp.Observational(), treated_units=chosen)
    assert not found.design.randomised
    assert [unit for unit, one in zip(found.design.units, found.design.treated, strict=True) if one.all()] == chosen
    assert "low" not in found.design.promise
    json.loads(found.design.to_json(), parse_constant=pytest.fail)  # NaN is no JSON
    ilp.write_trial_design(found, tmp_path, register=tmp_path / "register.jsonl")
    assert "OBSERVATIONAL" in (tmp_path / "design.html").read_text()
