import numpy as np
import pytest

from ilp_models.audit.flagging import FlaggingRule, with_total
from ilp_models.domain.errors import InputError


def test_the_ranking_unit_decides_which_cell_is_flagged():
    expected = np.array([[[6.0], [3.0], [2.0], [0.0]]])
    area = np.array([4.0, 1.0, 3.0, 2.0])
    people = np.array([100.0, 50.0, 4.0, 0.0])
    flags = {
        unit: FlaggingRule(area, unit, residents=people).flagged(expected, 0.4)[0][0, :, 0].tolist()
        for unit in ("count", "per_km2", "per_resident")
    }
    assert flags["count"] == [1, 0, 0, 0]
    assert flags["per_km2"] == pytest.approx([0.75, 1, 0, 0])
    assert flags["per_resident"] == pytest.approx([0.2, 0.2, 1, 0])


def test_unknown_units_are_refused():
    with pytest.raises(InputError, match=r"audit\.rank_by='crime'"):
        FlaggingRule(np.ones(2), "crime")
    with pytest.raises(InputError, match="needs a group table"):
        FlaggingRule(np.ones(2), "per_resident")


def test_without_another_rule_all_types_together_have_the_top_areas_of_their_sum():
    rng = np.random.default_rng(11)
    expected, area = rng.gamma(1, 1, (3, 40, 5)), np.ones(40)
    flags = FlaggingRule(area).flagged(with_total(expected), 0.1)[0]
    order = np.argsort(-expected.sum(axis=0), axis=0, kind="stable")[:4]
    assert flags.shape == (4, 40, 5)
    for period in range(5):
        assert set(np.flatnonzero(flags[3, :, period])) == set(order[:, period])
    assert with_total(expected[:1]).shape == (1, 40, 5)
