from dataclasses import replace

import numpy as np

from ilp_models.evaluation.units import ChosenUnits
from ilp_models.pipeline.trial_design_result import TrialDesignResult, flow_numbers
from tests.evaluation.small_trial import DESIGN

PROMISE = {"effect": 0.3, "power": 0.9, "level": 0.05}


def result(**changes):
    return TrialDesignResult(replace(DESIGN, promise=PROMISE, **changes), *[None] * 3, {}, "past counts", None, None)


def test_each_cell_of_a_unit_has_a_row_in_each_period():
    table = result().to_frame()
    assert table["cell"].tolist() == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert table["period"].tolist()[:3] == ["2026-01-19", "2026-01-26", "2026-02-02"]
    assert table["treated"].tolist() == [True] * 6 + [False] * 3
    assert "shift" not in table


def test_the_power_is_told_with_the_least_effect_or_that_there_is_none():
    text = result().power_text
    assert text.startswith("If treatment reduces crime by 30")
    assert "a trial of 3 weeks shows it" in text
    assert "None of the effects up to 50" in text
    known = replace(result(), design=replace(DESIGN, promise=PROMISE | {"least_effect": 0.25}))
    assert "The smallest reduction that has a chance of" in known.power_text
    assert result(scheme="observational").power_text.startswith("By the closed form alone: ")
    assert "3 weeks from 2026-01-19, power 90% for a reduction of 30%" in repr(result())


def test_the_flow_counts_cells_and_units():
    cells = tuple(np.array([at]) for at in range(5))
    chosen = ChosenUnits(
        **{"kind": "cells", "names": tuple("abcde"), "cells": cells, "zones": cells, "eligible": 6, "too_near": 1}
    )
    treated = np.array([[1, 1], [0, 0], [0, 1], [1, 0], [1, 1]], dtype=bool)
    blocks = np.array([0, 0, 1, 1, -1])
    assert flow_numbers(chosen, np.array([True] * 7 + [False]), blocks, treated) == {
        **{"cells": 8, "eligible_cells": 7, "eligible_units": 6, "too_near": 1, "places": 5, "units": 5},
        **{"in_no_block": 1, "treated": 1, "control": 1, "changing": 2},
    }
