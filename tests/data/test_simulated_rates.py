import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType, background_per_day
from ilp_models.domain.errors import InputError


def test_the_background_follows_its_intensity():
    kinds = {"a": SimulatedType(yearly=8000, season=0.4, trend=0.2, offspring=0.0)}
    city = SimulatedCity(seed=9, crime_types=kinds, weekend=0.5, reporting_rate=1.0)
    events = city.read()
    days = background_per_day(tuple(kinds.values()), np.arange(260 * 7.0), pd.Timestamp(city.start), 0.5)[0]
    date = events.table["occurred_at"]
    observed = np.bincount((date - events.start).dt.days, minlength=len(days))
    assert abs(observed.sum() - days.sum()) < 3 * np.sqrt(days.sum())
    for every, size in ((1, 7), (91, 20)):  # days of the week, then quarters
        group = np.arange(len(days)) // every % size
        counts, means = (np.bincount(group, values, minlength=size) for values in (observed, days))
        assert stats.chi2.sf(((counts - means) ** 2 / means).sum(), size) > 1e-3
    share = city._layout.risk[0].reshape(6, 15, 6, 15).sum(axis=(1, 3)).ravel()
    counts = city.truth()["occurred"].to_numpy()
    assert stats.chi2.sf(((counts - share * days.sum()) ** 2 / (share * days.sum())).sum(), 36) > 1e-3


def test_yearly_incidents_include_near_repeats():
    city = SimulatedCity(seed=2, crime_types={"a": SimulatedType(yearly=10_000, season=0.0, offspring=0.35)})
    occurred = city.truth()["occurred"].sum()
    mean = 10_000 * 260 * 7 / 365.25
    assert abs(occurred - mean) < 4 * np.sqrt(mean) / 0.65


@pytest.mark.parametrize("changes", [{"offspring": 1.0}, {"yearly": -1}, {"mean_days": 0.1}, {"season": "high"}])
def test_an_impossible_crime_type_is_refused(changes):
    with pytest.raises(InputError, match=f"crime_types: {next(iter(changes))}="):
        SimulatedType(**{"yearly": 100, **changes})
