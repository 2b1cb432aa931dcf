import numpy as np
import pytest

from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.measures.table import group_calibration
from ilp_models.stats.calibration import calibration_line
from tests.audit.measures.random_cases import FEW, living, random_case


def test_the_exposure_ratio_is_compared_with_that_of_the_baseline():
    flags, theirs, observed, _, _, people = random_case(4)
    sums = tally_flags(Basis.from_residents(people), flags, observed, theirs).whole
    swapped = tally_flags(Basis.from_residents(people), theirs, observed, flags).whole
    ratio = formulas.baseline_exposure_ratio(sums)
    assert ratio == pytest.approx(formulas.exposure_ratio(sums) / formulas.exposure_ratio(swapped))
    assert formulas.baseline_exposure_ratio(swapped) == pytest.approx(1 / ratio)


def test_without_other_residents_there_is_nothing_to_compare_with():
    flags, theirs, observed, _, _, _ = random_case(1)
    alone = living(np.full((8, 1), 100.0))
    sums = tally_flags(Basis.from_residents(alone), flags, observed, theirs).whole
    with np.errstate(divide="ignore", invalid="ignore"):
        assert np.isnan(formulas.exposure_ratio(sums)).all()


def test_calibration_inside_a_group_is_the_line_of_its_cells():
    _, _, observed, expected, _, people = random_case(2, cells=30, periods=20)
    slope, intercept = group_calibration(expected, observed, people, FEW, 0.005)
    line = calibration_line(observed[0], expected[0], people.shares[:, [1]], 0.005)
    assert (slope.value[0, 1], intercept.value[0, 1]) == pytest.approx((line.slope, line.intercept))
    assert (slope.low[0, 1], slope.high[0, 1]) == pytest.approx(line.intervals(FEW)[0])
    assert slope.value.shape == (3, 3)
    assert np.isnan(group_calibration(expected, observed * 0, people, FEW, 0.005)[0].value).all()
