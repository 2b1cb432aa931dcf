"""Patrols in the simulated city: the process goes on as it was, and only treated places and periods change."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

import ilp_models as ilp
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.errors import InputError
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.evaluation.schemes import BlockedRandomisation

SMALL = {"weeks": 80, "size_km": 4, "districts": 4}
WEEKS = 12


def design_of(**settings):
    terms = ilp.TrialTerms(
        *("as agreed",) * 6,
        ethics_review_date="2020-06-01",
        ethics_review_reference="E1",
        public_notice_date="2020-06-15",
        public_notice_reference="N1",
    )
    usual = {"effect": 0.5, "scheme": BlockedRandomisation(2, 0.5), "found_by_patrols": ["robbery"]}
    return ilp.design_trial(
        ilp.SimulatedCity(**SMALL).read(),
        ilp.SquareGrid(500),
        terms=terms,
        start="2020-07-20",
        periods=WEEKS,
        units=ilp.TrialUnits(count=8),
        power=ilp.PowerSimulation(trials=20, periods_before=26),
        least_power=0,
        **(usual | settings),
    )


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """Return the file of a small design."""
    folder, result = tmp_path_factory.mktemp("trial"), design_of()
    return ilp.write_trial_design(result, folder, register=folder / "register.jsonl"), result


def city(trial, **settings):
    return ilp.PatrolledCity(**SMALL, trial=str(trial[0]), **settings).read()


def where(trial, table):
    """Return the unit of each record, its week, and whether both are treated, from cells and a grid."""
    design, grid = trial[1].design, trial[1].grid
    at = {str(name): one for one, name in enumerate(grid.cells)}
    unit, zone = np.full((2, len(table)), -1)
    points = shapely.points(table["x"], table["y"])
    for number, cells in enumerate(design.cells):
        unit[shapely.contains(shapely.union_all([grid.geometry[at[one]] for one in cells]), points)] = number
    for number, cells in enumerate(design.zones):
        zone[shapely.contains(shapely.union_all([grid.geometry[at[one]] for one in cells]), points)] = number
    week = ((table["occurred_at"] - pd.Timestamp(design.start)).dt.days // 7).to_numpy()
    inside = (unit >= 0) & (week >= 0) & (week < WEEKS)
    treated = np.zeros(len(table), dtype=bool)
    treated[inside] = design.treated[unit[inside], week[inside]]
    return unit, zone, week, treated


def test_the_first_weeks_are_those_of_the_city_and_nothing_else_changes_without_effect(trial):
    before, after = ilp.SimulatedCity(**SMALL).read(), city(trial, prevented=0)
    known = after.table.iloc[: len(before)]
    pd.testing.assert_frame_equal(known.reset_index(drop=True), before.table)
    assert after.end == pd.Timestamp("2020-07-20") + pd.Timedelta(weeks=WEEKS)
    assert (after.table["occurred_at"].iloc[len(before) :] >= before.end).all()
    assert after.simulated


@pytest.mark.slow
def test_patrols_prevent_move_and_find_crimes_in_treated_places_only(trial):
    without, whole = city(trial, prevented=0).table, city(trial, prevented=1).table
    *_, treated = where(trial, without)
    assert treated.sum() > 50
    pd.testing.assert_frame_equal(whole, without[~treated].reset_index(drop=True))
    some = city(trial, prevented=0.4)
    gone = len(without) - len(some)
    assert abs(gone - 0.4 * treated.sum()) < 4 * np.sqrt(0.24 * treated.sum())
    moved = city(trial, prevented=1, moved=1).table
    assert len(moved) == len(without)
    unit, *_ = where(trial, without)
    _, elsewhere, _, still = where(trial, moved)
    assert not still.any()
    np.testing.assert_array_equal(elsewhere[treated], unit[treated])
    pd.testing.assert_frame_equal(moved[~treated], without[~treated])
    more = city(trial, prevented=0, found=3).table
    robbery = treated & (without["crime_type"] == "robbery").to_numpy()
    added = len(more) - len(without)
    assert abs(added - 2 * robbery.sum()) < 4 * np.sqrt(2 * robbery.sum())
    pd.testing.assert_frame_equal(more.drop_duplicates().reset_index(drop=True), without)


def test_patrols_of_a_shift_change_its_hours_only_and_the_evaluation_counts_no_others(trial, tmp_path):
    design = replace(trial[1].design, shifts=((22, 3),) * 8)
    (tmp_path / "trial.json").write_text(design.to_json())
    (tmp_path / "units.geojson").write_bytes(trial[0].with_name("units.geojson").read_bytes())
    assert TrialDesign.from_json((tmp_path / "trial.json").read_bytes()) == design
    without, whole = (ilp.PatrolledCity(**SMALL, trial=str(tmp_path / "trial.json"), prevented=one) for one in (0, 1))
    table, hour = without.read().table, without.read().table["occurred_at"].dt.hour
    shift = ((hour >= 22) | (hour < 3)).to_numpy()
    moved = table.assign(occurred_at=table["occurred_at"].mask(hour < 3, table["occurred_at"] - pd.Timedelta(hours=3)))
    *_, treated = where(trial, moved)
    gone = treated & shift
    assert gone.sum() > 10
    pd.testing.assert_frame_equal(whole.read().table, table[~gone].reset_index(drop=True))
    unit, _, week, _ = where(trial, moved[shift])
    known = moved[shift]["crime_type"].isin(design.outcomes).to_numpy() & (unit >= 0) & (week >= 0) & (week < WEEKS)
    events = without.read()
    result = ilp.evaluate_trial(design, events, ilp.SquareGrid(500))
    assert result.totals["during"].sum() == known.sum()
    # records to midnight of the last day lack the last night, and the result says so
    end = pd.Timestamp(design.start) + pd.Timedelta(weeks=WEEKS)
    cut = replace(events, table=events.table[events.table["reported_at"] < end], end=end)
    short = ilp.evaluate_trial(design, cut, ilp.SquareGrid(500))
    assert {one.check for one in short.findings} - {one.check for one in result.findings} == {"last night cut"}
    night = (moved[shift]["reported_at"] >= end).to_numpy()
    assert short.totals["during"].sum() == (known & ~night).sum()


@pytest.mark.slow
def test_shifts_of_a_place_are_units_that_are_treated_and_counted_apart(trial, tmp_path):
    settings = {"shifts": [(6, 18), (18, 6)], "found_by_patrols": [], "scheme": BlockedRandomisation(2, 0.5)}
    result = design_of(**settings)
    design = result.design
    assert len(design.units) == 2 * 8
    assert design.units[:2] == tuple(f"{design.cells[0][0]} {one}" for one in ("06-18", "18-06"))
    assert result.to_frame().columns.tolist() == ["unit", "cell", "period", "treated", "shift"]
    ilp.write_trial_design(result, tmp_path, register=tmp_path / "register.jsonl")
    assert (
        "Each place is a unit in each of these shifts: 6:00 to 18:00, 18:00 to 6:00"
        in (tmp_path / "design.html").read_text()
    )
    without, whole = (ilp.PatrolledCity(**SMALL, trial=str(tmp_path / "trial.json"), prevented=one) for one in (0, 1))
    table = without.read().table
    night = ((table["occurred_at"].dt.hour >= 18) | (table["occurred_at"].dt.hour < 6)).to_numpy()
    late = table["occurred_at"].where(table["occurred_at"].dt.hour >= 6, table["occurred_at"] - pd.Timedelta(hours=6))
    place = where((None, result), table)[0] // 2  # of the two units of a place, it returns the second
    week = ((late - pd.Timestamp(design.start)).dt.days // 7).to_numpy()
    unit = np.where(place >= 0, 2 * place + night, -1)
    inside = (unit >= 0) & (week >= 0) & (week < WEEKS)
    gone = inside & design.treated[unit, np.clip(week, 0, WEEKS - 1)]
    pd.testing.assert_frame_equal(whole.read().table, table[~gone].reset_index(drop=True))
    found = ilp.evaluate_trial(design, whole.read(), ilp.SquareGrid(500), register=tmp_path / "register.jsonl")
    during = found.totals.set_index("arm")["during"]
    assert during["treated at any time"] == 0
    assert during["never treated"] == (inside & ~gone).sum()
    dose = tmp_path / "dose.csv"
    dose.write_text(f"cell,period,hours\n{design.cells[0][0]},{design.start},1\n")
    with pytest.raises(InputError, match=r"in each of several shifts\. Give the column unit instead"):
        ilp.evaluate_trial(design, whole.read(), ilp.SquareGrid(500), dose=dose)
    dose.write_text(
        "".join(
            f"{row}\n" for row in ("unit,period,hours,crews", *(f"{one},{design.start},1,2" for one in design.units))
        )
    )
    shown = ilp.evaluate_trial(design, whole.read(), ilp.SquareGrid(500), dose=dose)
    ilp.write_trial_evaluation(shown, tmp_path / "evaluation", register=tmp_path / "register.jsonl")
    assert (tmp_path / "evaluation" / "figures" / "dose_map.png").exists()


@pytest.mark.slow
def test_the_process_goes_on_with_the_near_repeats_of_the_days_before(trial):
    """Without those, the first week after the records would have a fifth fewer incidents."""
    kind = SimulatedType(yearly=4000, season=0, offspring=0.6, mean_days=7)
    settings = SMALL | {"crime_types": {"assault": kind}, "weekend": 0.0, "reporting_rate": 1.0, "weeks": 80}
    counts = np.zeros(4)
    for seed in range(40):
        table = ilp.PatrolledCity(seed=seed, **settings, trial=str(trial[0]), prevented=0).read().table
        week = (table["occurred_at"] - pd.Timestamp(trial[1].design.start)).dt.days // 7
        counts += week.value_counts().reindex(range(4), fill_value=0)
    usual = 40 * 4000 / 365.25 * 7
    assert np.all(np.abs(counts / usual - 1) < 0.08)


def test_another_city_or_other_files_are_refused(trial, tmp_path):
    longer = replace(ilp.PatrolledCity(**SMALL, trial=str(trial[0])), weeks=81)
    with pytest.raises(InputError, match=r"begins on 2020-07-20, before the end .* data\.weeks=81 must be that"):
        longer.read()
    (tmp_path / "trial.json").write_bytes(trial[0].read_bytes())
    with pytest.raises(InputError, match=r"units\.geojson: there is no such file"):
        replace(longer, trial=str(tmp_path / "trial.json"), weeks=80).read()
    shapes = trial[0].with_name("units.geojson").read_text().replace(f'"{trial[1].design.units[0]}"', '"other"')
    (tmp_path / "units.geojson").write_text(shapes)
    with pytest.raises(InputError, match=r"does not hold the units of the design"):
        replace(longer, trial=str(tmp_path / "trial.json"), weeks=80).read()
    with pytest.raises(InputError, match=r"data\.prevented=2"):
        replace(longer, prevented=2)
