from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ilp_models.domain.errors import InputError
from ilp_models.domain.panel import Panel
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.evaluation.differences import DifferenceInDifferences
from ilp_models.evaluation.intention_to_treat import IntentionToTreat
from ilp_models.evaluation.outcomes import TrialCounts
from ilp_models.evaluation.schemes import MatchedPairs, SteppedWedge
from tests.evaluation.small_trial import DESIGN, panel


def test_counts_of_units_zones_and_types_add_up_by_hand():
    counts = TrialCounts.of_panels(DESIGN, {None: panel()})
    main = counts.main()
    # burglary + robbery are 1 + 2 times the cell's number times the week
    np.testing.assert_array_equal(main.trial.before, [[9, 18], [9, 18]])  # a + b = 3 = c
    np.testing.assert_array_equal(main.trial.during, [[27, 36, 45]] * 2)
    by_type = {one.name: (one.kind, float(one.trial.before[0, 0])) for one in counts.by_type()}
    assert by_type == {"burglary": ("crime type", 3), "robbery": ("crime type", 6), "drugs": ("found by patrols", 9)}
    zone = counts.zones()
    assert counts.shared_zone_cells == {(None, "shared")}  # it lies next to a treated and a control unit
    np.testing.assert_array_equal(zone.trial.before, [[12, 24], [15, 30]])


def test_each_shift_of_a_place_is_a_unit_with_its_own_counts():
    """The late shift has ten times the counts of the early one; the unit of the other place is of the early shift."""
    late, early = (22, 6), (6, 14)
    shared = {"cells": (("a", "b"), ("a", "b"), ("c",)), "zones": (("x",), ("x",), ("y",)), "blocks": (0, 0, 0)}
    design = replace(
        DESIGN,
        units=("n late", "n early", "south"),
        shifts=(late, early, early),
        **shared,
        assignment=("111", "000", "000"),
    )
    assert TrialDesign.from_json(design.to_json()) == design
    counts = TrialCounts.of_panels(design, {late: Panel(panel().counts * 10, 2), early: Panel(panel().counts, 1)})
    np.testing.assert_array_equal(counts.main().trial.before, [[90, 180], [9, 18], [9, 18]])
    np.testing.assert_array_equal(counts.zones().trial.before[:, 0], [120, 12, 15])
    assert counts.shared_zone_cells == set()  # x has one unit in each shift
    assert counts.outside == 3
    assert counts.of_group("amber", np.array([1.0, 0.5, 0.0, 0, 0, 0])).trial.before[:, 0].tolist() == [60, 6, 0]
    with pytest.raises(InputError, match="belongs to two units"):
        replace(design, shifts=(late, late, early))
    with pytest.raises(InputError, match="one for each unit, not 1"):
        replace(design, shifts=(late,))


def test_harm_and_groups_weigh_the_counts():
    counts = TrialCounts.of_panels(DESIGN, {None: panel()})
    harm = counts.weighted("days", "harm", {"burglary": 10.0, "robbery": 100.0, "drugs": 1e9})
    assert harm.trial.before[0, 0] == 3 * (10 + 2 * 100)
    group = counts.of_group("amber", np.array([1.0, 0.5, 0.0, 0, 0, 0]))
    assert group.trial.before[:, 0].tolist() == [3 * (1 + 2 * 0.5), 0]
    with pytest.raises(InputError, match="gives no weight to burglary, robbery"):
        counts.weighted("days", "harm", {"drugs": 1.0})


def test_a_trial_that_is_not_over_uses_what_is_recorded():
    counts = TrialCounts.of_panels(DESIGN, {None: panel(periods=4)})
    assert (counts.periods_before, counts.periods, counts.is_complete) == (2, 2, False)
    assert counts.main().trial.during.shape == (2, 2)
    wedge = replace(
        DESIGN,
        scheme="stepped wedge",
        scheme_settings={"steps": 2},
        assignment=("001111", "000011"),
        periods=6,
    )
    trial = TrialCounts.of_panels(wedge, {None: panel(periods=6)}).main().trial  # four of six weeks
    drawn = trial.scheme.draw(np.array([0, 0]), 4, 5, np.random.default_rng(0))
    assert drawn.shape == (5, 2, 4)
    assert (drawn[:, :, :2].sum(axis=(1, 2)) == 0).all()  # as in the whole scheme
    assert isinstance(trial.scheme.whole, SteppedWedge)


@pytest.mark.parametrize(
    ("design", "given", "said"),
    [
        (DESIGN, panel(periods=2), "no whole period of"),
        (DESIGN, panel(first="2026-01-19", periods=3), "no whole period before"),
        (DESIGN, panel(cells=["a", "c", "x"]), "1 of 2 units have cells that the grid lacks; the first is unit north"),
        (DESIGN, panel(types=("burglary",)), "the outcome 'robbery', and the records have burglary"),
        (replace(DESIGN, start="2026-01-20"), panel(), "its week on 2026-01-19"),
        (replace(DESIGN, scheme="coin"), panel(), "The scheme 'coin' is unknown"),
        (replace(DESIGN, scheme_settings={"pairs": 2}), panel(), "do not fit the scheme"),
        (replace(DESIGN, assignment=("111", "111")), panel(), "no unit is a control"),
    ],
)
def test_what_cannot_be_compared_is_an_error(design, given, said):
    with pytest.raises(InputError, match=said):
        TrialCounts.of_panels(design, {None: given}).main()


def test_a_planted_effect_is_found_in_cells():
    generator = np.random.default_rng(5)
    units = [f"u{at}" for at in range(40)]
    drawn = MatchedPairs().draw(np.arange(40) // 2, 3, 1, generator)[0, :, 0]
    words = tuple("1" * 20 if one else "0" * 20 for one in drawn)
    design = replace(
        DESIGN,
        units=tuple(units),
        cells=tuple((one,) for one in units),
        zones=((),) * 40,
        blocks=tuple(np.arange(40) // 2),
        assignment=words,
        periods=20,
        periods_before=20,
        outcomes=("burglary",),
        found_by_patrols=(),
    )
    mean = np.full((1, 40, 40), 4.0)
    mean[0, drawn, 20:] *= 0.7
    weeks = pd.period_range(design.span[0] - 20, periods=40, freq="W-SUN")
    coords = {"crime_type": ["burglary"], "cell": units, "period": weeks}
    given = Panel(
        xr.DataArray(generator.poisson(mean).astype(np.int32), dims=("crime_type", "cell", "period"), coords=coords)
    )
    trial = TrialCounts.of_panels(design, {None: given}).main().trial
    for estimator in (IntentionToTreat(499), DifferenceInDifferences()):
        found = estimator.estimate(trial)
        assert found.ratio_low < 0.7 < found.ratio_high < 0.85
    assert TrialCounts.of_panels(design, {None: given}).zones() is None
