"""A city cut in two forecasts as the uncut one where the halo reaches, and worse at the border without it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from sklearn.base import clone

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layer, Layers
from ilp_models.explain.explain import Explain
from ilp_models.features import calendar as calendar_features
from ilp_models.features import context as context_features
from ilp_models.features import means as mean_features
from ilp_models.features.calendar import CalendarColumns, SameSeason, SameWeekday, TypeIndicators
from ilp_models.features.context import LayerDensities, LayerDistances
from ilp_models.features.means import CityLevel, ExponentialMeans, Lags, RollingMeans
from ilp_models.grid.areas import PointLocator
from ilp_models.grid.hexagon import HexGrid
from ilp_models.grid.square import SquareGrid
from ilp_models.model.bundle import read_bundle, write_bundle
from ilp_models.model.kernels.kernel_density import KDE
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.level_share import LevelShare
from ilp_models.model.regressions.glm import PoissonGLM
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.wrappers.across_borders import AcrossBorders
from tests.conformance.configured_forecasters import forecaster
from tests.conformance.forecaster_checks import CHECKS, ConformanceCase

CUTOFF = pd.Timestamp("2020-09-07")
CUT = 4500.0  # metres from the western edge, a border of cells
REACH = 30_000.0  # over the whole city: nothing is lost


@pytest.fixture(scope="module")
def uncut():
    kinds = {"a": SimulatedType(yearly=6000.0), "b": SimulatedType(yearly=2500.0, offspring=0.3)}
    return SimulatedCity(seed=4, weeks=92, districts=6, crime_types=kinds).read()


def half(events, west):
    """Return the events on one side of the cut."""
    inside = (events.table["x"] < 680_000 + CUT) == west
    return replace(events, table=events.table[inside].reset_index(drop=True))


def history(events, grid=None, cutoff=CUTOFF):
    grid = (grid or SquareGrid(500)).build(events.known_at(CUTOFF))
    return History.from_events(cutoff, events, grid, Calendar())


def ahead(periods=2):
    return Calendar().next_periods(CUTOFF, periods)


def abroad(events):
    """Return the same events with the coordinates and the clock of another country."""
    return events.converted(crs="EPSG:32618", time_zone="Europe/London")


@pytest.mark.parametrize(
    "method", [EWMA(), KDE(bandwidths=[700]), LevelShare(), forecaster("lightgbm")], ids=lambda one: type(one).__name__
)
def test_a_city_cut_in_two_forecasts_as_the_uncut_one(uncut, method):
    whole = clone(method).fit(history(uncut)).predict(ahead()).expected
    west, east = half(uncut, west=True), half(uncut, west=False)
    cut = AcrossBorders(method, [abroad(east)], REACH).fit(history(west)).predict(ahead()).expected
    alone = clone(method).fit(history(west)).predict(ahead()).expected
    same = whole.sel(cell=cut.indexes["cell"])
    # trees sum in the order of the cells, so that a rounded split may fall otherwise
    np.testing.assert_allclose(cut.values, same.values, rtol=1e-6)
    assert not np.allclose(alone.values, same.values, rtol=1e-3)


LOCAL = (
    *(
        ExponentialMeans((8, 32), reach, all_types=all_types)
        for reach in (0.0, 1.0, 2.5)
        for all_types in (False, True)
    ),
    *(Lags((1, 3)), RollingMeans((4, 26)), SameSeason(), SameSeason(reach_cells=1.0)),
    *(SameWeekday((8,)), SameWeekday((8,), 1.0, all_types=True), TypeIndicators(), CalendarColumns()),
    *(LayerDistances(), LayerDensities()),
)
SAME_EVERYWHERE = (TypeIndicators, CalendarColumns, LayerDistances, LayerDensities)  # they do not depend on counts


def values_near_a_cut(uncut, feature):
    """Return counts and values of a feature in the western half: of the uncut city, with a halo, and cut off."""
    calendar = Calendar(period_unit="day" if isinstance(feature, SameWeekday) else "week")
    west, east = half(uncut, west=True), half(uncut, west=False)
    bars = Layer("bars", np.array([shapely.Point(*one.table[["x", "y"]].iloc[0]) for one in (west, east)]), uncut.crs)
    whole, alone = (
        History.from_events(CUTOFF, events, SquareGrid(250).build(events.known_at(CUTOFF)), calendar, Layers((bars,)))
        for events in (uncut, west)
    )
    farthest = 3 * getattr(feature, "reach_cells", 0.0) * 250 * 2**0.5  # over the corners of the cells
    tile = AcrossBorders(EWMA(half_lives=[8]), [east], farthest + 400).fit(alone).forecaster_.history_
    assert len(alone.grid) < len(tile.grid) < len(whole.grid)
    counts, values = [], []
    for one in (whole, tile, alone):
        shape = (1, len(uncut.crime_types), len(one.grid), len(feature.columns(one)))
        out = np.empty(shape, dtype=np.float32)
        feature.write(one, calendar.next_periods(CUTOFF, 1), one.first_step, out)
        own = one.grid.cells.get_indexer(alone.grid.cells)
        values.append(out[:, :, own])
        counts.append(one.panel.values[:, own])
    return counts, values


@pytest.mark.parametrize("feature", LOCAL, ids=str)
def test_a_halo_beyond_the_reach_of_a_feature_gives_that_of_the_uncut_city(uncut, feature):
    counts, values = values_near_a_cut(uncut, feature)
    np.testing.assert_array_equal(counts[1], counts[0])
    np.testing.assert_array_equal(values[1], values[0])
    local = isinstance(feature, SAME_EVERYWHERE) or not getattr(feature, "reach_cells", 0.0)
    assert local == np.array_equal(values[2], values[0])


def test_every_feature_but_that_of_the_whole_city_is_local():
    families = {
        one
        for module in (calendar_features, context_features, mean_features)
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__
    }
    assert families - {type(one) for one in LOCAL} == {CityLevel}


def test_without_a_halo_cells_at_the_border_are_worse(uncut):
    method = KDE(bandwidths=[700])
    west, east = half(uncut, west=True), half(uncut, west=False)
    whole = clone(method).fit(history(uncut)).predict(ahead()).expected
    near = AcrossBorders(method, [east], 2500.0).fit(history(west)).predict(ahead()).expected
    alone = clone(method).fit(history(west)).predict(ahead()).expected
    cells = [cell for cell in near.indexes["cell"] if int(cell[1:7]) >= 680_000 + CUT - 1000]
    same = whole.sel(cell=cells).values
    error = {name: np.abs(one.sel(cell=cells).values - same).sum() for name, one in (("halo", near), ("none", alone))}
    assert 3 * error["halo"] <= error["none"]


def test_only_own_cells_are_forecast_and_counted(uncut):
    west, east = half(uncut, west=True), half(uncut, west=False)
    known = history(west, HexGrid(600))  # its cells lie on both sides of the cut
    model = AcrossBorders(EWMA(), [east], 2000.0).fit(known)
    assert model.predict(ahead()).expected.indexes["cell"].equals(known.grid.cells)
    inner = model.forecaster_.history_
    own = slice(len(known.grid))
    np.testing.assert_array_equal(inner.panel.values[:, own], known.panel.values)
    assert len(inner.grid) > len(known.grid)
    beyond = inner.panel.values[:, len(known.grid) :].sum()
    assert 0 < beyond < len(east)


def test_the_future_of_neighbours_is_unknown(uncut):
    west, east = half(uncut, west=True), half(uncut, west=False)
    late = east.table["reported_at"] >= CUTOFF
    moved = east.table.assign(x=east.table["x"].where(~late, east.table["x"] + 700.0))
    forecasts = [
        AcrossBorders(EWMA(), [one], 3000.0).fit(history(west)).predict(ahead()).expected.values
        for one in (east, replace(east, table=moved), replace(east, table=east.table[~late]))
    ]
    np.testing.assert_array_equal(forecasts[0], forecasts[1])
    np.testing.assert_array_equal(forecasts[0], forecasts[2])


def test_an_update_reads_the_newer_counts_of_neighbours(uncut):
    west, east = half(uncut, west=True), half(uncut, west=False)
    earlier, grid = CUTOFF - pd.Timedelta(weeks=4), SquareGrid(500).build(west.known_at(CUTOFF))
    known = History.from_events(earlier, west, grid, Calendar())
    later = History.from_events(CUTOFF, west, grid, Calendar())
    updated = AcrossBorders(EWMA(), [east], REACH).fit(known).update(later)
    inner = updated.forecaster_.history_
    assert inner.cutoff == CUTOFF
    assert inner.panel.periods.equals(later.panel.periods)
    assert inner.panel.values[:, len(grid) :, -4:].sum() > 0


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_conformance(check, uncut):
    west, east = half(uncut, west=True), half(uncut, west=False)
    near = replace(east, table=east.table[east.table["x"] < 680_000 + CUT + 1500].reset_index(drop=True))
    small = west.table[west.table["x"] >= 680_000 + CUT - 1500].reset_index(drop=True)
    case = ConformanceCase(
        replace(west, table=small), SquareGrid(1500).build(replace(west, table=small)), CUTOFF, leads=1
    )
    check(AcrossBorders(EWMA(half_lives=[8, 26]), [near], 1500.0), case)


def test_an_explanation_is_that_of_the_method_on_own_cells(uncut):
    west, east = half(uncut, west=True), half(uncut, west=False)
    known = history(west)
    model = AcrossBorders(PoissonGLM(), [east], 2000.0).fit(known)
    explanation = Explain(refits=0, sample=20, background=20).run(model, ahead(1), "glm")
    assert explanation.log_expected.indexes["cell"].equals(known.grid.cells)
    expected = model.predict(ahead(1)).expected.values
    np.testing.assert_allclose(np.exp(explanation.log_expected.values), expected, rtol=1e-9)
    total = explanation.base.values[:, None, None] + explanation.attributions.values.sum(axis=-1)
    np.testing.assert_allclose(total, np.log(expected), rtol=1e-6)


def test_a_model_is_written_with_the_method_in_it(uncut, tmp_path):
    west, east = half(uncut, west=True), half(uncut, west=False)
    model = AcrossBorders(EWMA(), [east]).fit(history(west))
    write_bundle(model, tmp_path, {})
    assert read_bundle(tmp_path)["class"].endswith("AcrossBorders")
    assert read_bundle(tmp_path / "forecaster")["class"].endswith("EWMA")


def test_records_that_end_earlier_are_refused(uncut):
    west, east = half(uncut, west=True), half(uncut, west=False)
    short = replace(east, end=east.end - pd.Timedelta(weeks=20), city="Eastville")
    with pytest.raises(InputError, match=r"Eastville cannot be used: the records cover 2019-01-07 to .* is needed"):
        AcrossBorders(EWMA(), [short]).fit(history(west))


def test_cells_of_a_file_have_no_neighbours(uncut):
    known = history(half(uncut, west=True))
    drawn = replace(known, grid=replace(known.grid, locator=PointLocator(known.grid.geometry)))
    with pytest.raises(InputError, match="Use squares or hexagons, or leave the neighbours out"):
        AcrossBorders(EWMA(), [half(uncut, west=False)]).fit(drawn)


@pytest.mark.parametrize("reach", [0.0, -5.0, float("inf")])
def test_a_reach_must_be_above_0(uncut, reach):
    with pytest.raises(InputError, match="reach_m="):
        AcrossBorders(EWMA(), [half(uncut, west=False)], reach).fit(history(half(uncut, west=True)))


def test_a_cell_next_to_a_straight_border_keeps_994_thousandths_of_the_widest_feature_of_lightgbm(uncut):
    widest = max(getattr(family, "reach_cells", 0.0) for family in LightGBM().features)
    grid = SquareGrid(500).build(uncut.known_at(CUTOFF))
    x, y = shapely.get_coordinates(shapely.centroid(grid.geometry)).T
    middle = np.argmin(np.hypot(x - x.mean(), y - y.mean()))
    weight = grid.smoothed(np.eye(len(grid)), widest)[:, middle]
    known = x - x[middle] <= AcrossBorders(LightGBM()).reach_m  # the border is east of the cell in the middle
    assert weight.sum() == pytest.approx(1)
    assert round(float(weight[known].sum()), 3) == 0.994
