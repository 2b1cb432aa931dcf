from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layer, Layers
from ilp_models.model.risk_terrain import RiskTerrain, candidate_factors
from ilp_models.stats.distributions import fit_dispersion
from ilp_models.stats.filters import exponential_means
from tests.builders import SquareLocator, city, events_of, history_of, layers_on, poisson_counts, square_grid

SIDE, CELLS = 200.0, 25
GRID = replace(square_grid(CELLS, CELLS, SIDE), locator=SquareLocator(CELLS, CELLS, SIDE))
CENTRES = shapely.get_coordinates(shapely.centroid(GRID.geometry))
WEEKS = 40
RANGES = (150, 300, 450, 600)


def invented(seed, spread=0.2):
    """Return the history of a city with twice the risk within 300 m of bars, and with an irrelevant layer."""
    rng = np.random.default_rng(seed)
    bars, trees = (rng.uniform(CENTRES.min(axis=0), CENTRES.max(axis=0), (18, 2)) for _ in range(2))
    near = np.hypot(*(CENTRES[:, None] - bars).transpose(2, 0, 1)).min(axis=1) < 300
    rate = 0.1 * np.where(near, 2.0, 1.0) * rng.gamma(1 / spread, spread, len(GRID))
    counts = np.stack([rng.poisson(rate[:, None], (len(GRID), WEEKS)), rng.poisson(0.05, (len(GRID), WEEKS))])
    events = events_of(counts, GRID)
    layers = Layers(tuple(Layer(name, shapely.points(at), GRID.crs) for name, at in (("bars", bars), ("trees", trees))))
    return History.from_events(events.end, events, GRID, Calendar(), layers), rate / rate.sum()


@pytest.mark.slow
def test_a_known_truth_is_recovered():
    tables = []
    for seed in range(6):
        known, truth = invented(seed)
        fitted = RiskTerrain(ranges_m=RANGES).fit(known)
        tables.append(fitted.relative_risks_.assign(seed=seed))
        ahead = fitted.predict(known.calendar.next_periods(known.cutoff, 1)).expected
        share = ahead.sel(crime_type="a").values[:, 0] / float(ahead.sel(crime_type="a").sum())
        flat = np.full(len(GRID), 1 / len(GRID))
        assert np.abs(share - truth).sum() < np.abs(flat - truth).sum()
    table = pd.concat(tables)
    bars = table[(table["crime_type"] == "a") & (table["layer"] == "bars")]
    assert bars["seed"].tolist() == list(range(6))
    assert (bars["kind"] == "proximity").sum() >= 5
    assert (bars["range_m"] == 300).sum() >= 5
    assert ((bars["low"] <= 2) & (bars["high"] >= 2)).sum() >= 5
    assert bars["relative_risk"].mean() == pytest.approx(2, rel=0.1)
    nothing = table[(table["layer"] == "trees") | (table["crime_type"] == "b")]
    assert len(nothing) <= 4  # of 18 chances: trees for both types, bars for the type that does not mind them


def test_the_surface_times_the_level_is_the_forecast():
    known, _ = invented(0)
    fitted = RiskTerrain(ranges_m=RANGES, half_life=8).fit(known)
    periods = known.calendar.next_periods(known.cutoff, 3)
    expected = fitted.predict(periods).expected.values
    totals = known.panel.by_period.sum(axis=2, dtype=float)
    level = exponential_means(totals, 8.0, np.array([WEEKS]))[0]
    np.testing.assert_allclose(expected.sum(axis=1), np.repeat(level[:, None], 3, axis=1))
    (bars,) = fitted.relative_risks_.query("crime_type == 'a'")["relative_risk"]
    risk = expected[0, :, 0] / expected[0, :, 0].min()
    np.testing.assert_allclose(np.unique(risk.round(9)), [1, bars])


def test_dispersions_use_a_surface_learned_before_the_counts():
    known, _ = invented(1)
    fitted = RiskTerrain(ranges_m=RANGES).fit(known)
    judged = 18  # of 40 weeks: half of those after the first few
    cutoff = known.panel.periods[-judged].start_time
    before = History.from_events(cutoff, known.events, GRID, known.calendar, known.layers)
    early = RiskTerrain(ranges_m=RANGES).fit(before)
    early_view = early.hindcast(known, known.panel.periods[-judged:], 1)
    alphas = [fit_dispersion(known.panel.by_period[-judged:, kind], early_view[:, kind]) for kind in range(2)]
    np.testing.assert_allclose(fitted.dispersion_, alphas)


def test_continuous_factors_and_both_signs_work():
    known, _ = invented(2)
    fitted = RiskTerrain(ranges_m=RANGES, form="continuous", sign="both").fit(known)
    found = fitted.relative_risks_.query("crime_type == 'a' and layer == 'bars'")
    assert found["relative_risk"].item() > 1
    assert found["low"].item() > 1


def test_few_events_give_a_uniform_surface_and_none_is_not_run():
    counts = np.zeros((2, 12, 40), dtype=int)
    counts[0, 2, ::10] = 1
    grid = city()
    events = events_of(counts, grid)
    known = History.from_events(events.end, events, grid, Calendar(), layers_on(grid))
    fitted = RiskTerrain().fit(known)
    assert fitted.relative_risks_.empty
    expected = fitted.predict(known.calendar.next_periods(known.cutoff, 1)).expected.values[..., 0]
    assert np.ptp(expected[0]) < 1e-15 < expected[0, 0]
    assert (expected[1] == 0).all()
    quiet = History.from_events(
        events.end, replace(events, table=events.table.iloc[:0]), grid, Calendar(), layers_on(grid)
    )
    with pytest.raises(NotRunError, match=r"contain no event\. Give more data"):
        RiskTerrain().fit(quiet)


def test_larger_cells_expect_more():
    grid = city()
    wide = replace(grid, area_m2=grid.area_m2 * np.where(np.arange(12) == 3, 3.0, 1.0))
    events = events_of(poisson_counts((1, 12, 40), 0.01), wide)
    known = History.from_events(events.end, events, wide, Calendar(), layers_on(wide))
    expected = RiskTerrain().fit(known).predict(known.calendar.next_periods(known.cutoff, 1)).expected.values[0, :, 0]
    np.testing.assert_allclose(expected / expected[0], np.where(np.arange(12) == 3, 3.0, 1.0))


def test_without_a_layer_it_does_not_run():
    with pytest.raises(NotRunError, match=r"no context layer; set one, such as layers\.bars\.path="):
        RiskTerrain().fit(history_of(poisson_counts((1, 4, 40))))
    known, _ = invented(0)
    with pytest.raises(NotRunError, match="no layer pubs, only bars, trees"):
        RiskTerrain(layers=["pubs"]).fit(known)


@pytest.mark.parametrize(
    "settings", [{"sign": "up"}, {"l1_share": 0.0}, {"folds": 1}, {"train_periods": 0}, {"form": "x"}, {"kinds": []}]
)
def test_unknown_settings_are_refused(settings):
    known, _ = invented(0)
    with pytest.raises(InputError, match=f"{next(iter(settings))}="):
        RiskTerrain(**settings).fit(known)


ROW = square_grid(1, 6)  # centres 500 m apart
ROW_CENTRES = shapely.get_coordinates(shapely.centroid(ROW.geometry))
BAR = Layer("bars", shapely.points(ROW_CENTRES[:1] + np.array([[0.0, 100.0]])), ROW.crs)
TWO = Layer("pubs", shapely.points(ROW_CENTRES[[5, 5]] + np.array([[0.0, 10.0], [0.0, 20.0]])), ROW.crs)


def factors_of(layers, ranges_m=(600,), kinds=("proximity", "density"), form="binary"):
    found = candidate_factors(layers, ROW, ranges_m, kinds, form)
    return {(factor.layer, factor.kind, factor.range_m): factor.values.round(3).tolist() for factor in found}


def test_proximity_is_below_the_range():
    found = factors_of([BAR], (200, 600), ("proximity",))
    assert found == {
        ("bars", "proximity", 200.0): [1, 0, 0, 0, 0, 0],
        ("bars", "proximity", 600.0): [1, 1, 0, 0, 0, 0],
    }


def test_density_is_two_deviations_above_the_mean():
    found = factors_of([TWO], (200,), ("density",))
    amount = np.array([0, 0, 0, 0, 0, 2])
    assert amount[5] > amount.mean() + 2 * amount.std()
    assert found == {("pubs", "density", 200.0): [0, 0, 0, 0, 0, 1]}
    assert factors_of([TWO], (600,), ("density",)) == {}  # 2 and 2 of six cells are not that far above the mean


def test_continuous_factors_fall_with_distance_and_grow_with_density():
    found = factors_of([BAR], (200, 1000), form="continuous")
    np.testing.assert_allclose(found["bars", "proximity", 200.0], [0.5, 0, 0, 0, 0, 0])
    far = np.hypot(500, 100)
    np.testing.assert_allclose(found["bars", "proximity", 1000.0], [0.9, 1 - far / 1000, 0, 0, 0, 0], atol=1e-3)
    amount = np.array([1.0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found["bars", "density", 200.0], amount / amount.std(), atol=1e-3)


def test_identical_factors_are_offered_once():
    assert [key[2] for key in factors_of([BAR], (450, 200, 300), ("proximity",))] == [200.0]


def test_unusable_candidates_are_refused():
    with pytest.raises(InputError, match=r"kinds=\['nearness'\] must be some of proximity, density"):
        factors_of([BAR], kinds=("nearness",))
    with pytest.raises(InputError, match="form='round' one of binary, continuous"):
        factors_of([BAR], form="round")
    with pytest.raises(InputError, match=r"ranges_m=\[\] at least one"):
        factors_of([BAR], ())
    with pytest.raises(NotRunError, match="pubs has no feature within 300 m"):
        candidate_factors([TWO], ROW.subset(np.arange(6) < 3), (300,), ("proximity",), "binary")
