from dataclasses import replace

import numpy as np
import pytest

from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.monitoring.series import MEASURES, MeasureSeries, SeriesOptions
from tests.audit.audit_inputs import audit, city, grid, group_table

KEYS = ["measure", "crime_type", "dimension", "group"]
OPTIONS = SeriesOptions("count", 0.1, 40, MinEvidence())


@pytest.fixture(scope="module")
def measured():
    replay, _ = city()
    residents = audit(group_table(slant=0.4)).groups.to_cells(grid())
    return MeasureSeries.from_replay(replay, grid(), residents, OPTIONS), residents[0], replay


def value(found, *key):
    (at,) = np.flatnonzero((found.keys[KEYS] == list(key)).all(axis=1))
    return found.values[:, at]


def test_every_measure_crime_type_and_group_has_a_series(measured):
    found, *_ = measured
    assert set(found.keys["measure"]) == set(MEASURES)
    assert not found.keys.duplicated(KEYS).any()
    assert len(found.keys) == 3 * (4 * 2 + 1 + 1)  # three scopes of four measures by group, their ratio and the city's
    assert found.values.shape == (52, len(found.keys))


def test_measures_of_a_period_equal_hand_calculation(measured):
    found, residents, replay = measured
    week, group = 7, residents.groups.index("Upland")
    expected, observed = replay.expected.values[0, :, week], replay.observed.values[0, :, week]
    flagged = np.zeros(100)
    flagged[np.argsort(-expected, kind="stable")[:10]] = 1  # equal cells: a tenth of the land is ten cells
    people, share = residents.by_group[:, group], residents.shares[:, group]
    rest = residents.total - people
    exposure, others = flagged @ people / people.sum(), flagged @ rest / rest.sum()
    key = ("Assault", "origin", "Upland")
    assert value(found, "exposure", *key)[week] == pytest.approx(exposure)
    assert value(found, "exposure_ratio", *key)[week] == pytest.approx(exposure / others)
    cover = flagged * observed @ share / (observed @ share)
    assert value(found, "coverage", *key)[week] == pytest.approx(cover)
    assert value(found, "sum_ratio", *key)[week] == pytest.approx((expected @ share) / (observed @ share))
    assert value(found, "sum_ratio", "Assault", "", "")[week] == pytest.approx(expected.sum() / observed.sum())
    other = value(found, "coverage", "Assault", "origin", "Lowland")[week]
    assert value(found, "coverage_ratio", "Assault", "origin", "")[week] == pytest.approx(
        min(cover, other) / max(cover, other)
    )


def test_a_group_with_too_few_events_has_a_shortfall():
    replay, _ = city()
    residents = audit(group_table()).groups.to_cells(grid())
    found = MeasureSeries.from_replay(replay, grid(), residents, replace(OPTIONS, min_evidence=MinEvidence(events=1e6)))
    shortfall = found.keys[found.keys["group"] != ""]["shortfall"]
    assert shortfall.str.contains("weighted events").all()
    assert (found.keys[found.keys["dimension"] == ""]["shortfall"] == "").all()
    assert np.isnan(value(found, "coverage_ratio", "all", "origin", "")).all()
