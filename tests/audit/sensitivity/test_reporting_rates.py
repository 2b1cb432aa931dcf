"""Reporting rates: a table for every area, and maps corrected for reporting."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ilp_models.audit.flagging import FlaggingRule
from ilp_models.audit.measures import formulas
from ilp_models.audit.measures.group_sums import Basis, tally_flags
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.reporting_rates import (
    ReportingRates,
    check_reporting_rates,
    reporting_band,
    vary_reporting_rates,
)
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import State
from tests.audit.audit_inputs import CONFIG
from tests.audit.sensitivity.varied_maps import evidence, lives, value, with_options
from tests.builders import replay_of, square_grid

GRID = replace(square_grid(2, 2), parents=pd.DataFrame({"ward": ["007", "7", "007", "7"], "beat": list("abcd")}))


def rates(folder, rows, **settings):
    path = folder / "rates.csv"
    pd.DataFrame(rows, columns=["area", "rate"]).to_csv(path, index=False)
    return ReportingRates(str(path), **settings)


def test_rates_are_assigned_to_the_cells_of_their_areas(tmp_path):
    known = rates(tmp_path, [("7", 0.4), ("007", 0.8)]).to_cells(GRID)
    np.testing.assert_array_equal(known, [0.8, 0.4, 0.8, 0.4])


def test_rates_can_have_another_area_level(tmp_path):
    by_beat = [(name, 0.1 * at) for at, name in enumerate("abcd", start=1)]
    np.testing.assert_allclose(rates(tmp_path, by_beat, area_level="beat").to_cells(GRID), [0.1, 0.2, 0.3, 0.4])
    cells = replace(GRID, parents=pd.DataFrame())
    by_cell = [(name, 0.5) for name in cells.cells]
    np.testing.assert_array_equal(rates(tmp_path, by_cell).to_cells(cells), np.full(4, 0.5))


def test_one_rate_everywhere_or_no_rates():
    np.testing.assert_array_equal(ReportingRates(everywhere=0.3).to_cells(GRID), np.full(4, 0.3))
    assert ReportingRates().to_cells(GRID) is None


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("007", 0.8)], "1 areas|2 areas"),
        ([("007", 0.8), ("7", 0)], "above 0"),
        ([("007", 0.8), ("7", 1.1)], "at most 1"),
        ([("007", 0.8), ("7", None)], "above 0"),
        ([("007", 0.8), ("7", 0.4), ("7", 0.4)], "one row per area"),
        ([("007", 0.8), ("7", "often")], "above 0"),
    ],
)
def test_incomplete_rates_are_refused(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        rates(tmp_path, rows).to_cells(GRID)


@pytest.mark.parametrize("settings", [{"everywhere": 0}, {"everywhere": float("nan")}, {"path": "nowhere.csv"}])
def test_invalid_rate_settings_are_refused(settings):
    with pytest.raises(InputError, match=r"audit\.reporting_rates"):
        ReportingRates(**settings)


def test_the_configuration_builds_the_defaults_of_the_constructor():
    assert instantiate(OmegaConf.load(CONFIG).reporting_rates) == ReportingRates()


TORONTO = Path(os.environ.get("ILP_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data"))


def test_the_reporting_band_decreases_with_the_group_share():
    residents = lives(np.linspace(0.1, 0.9, 36))
    shares = reporting_band(residents, "low", 0.3)
    assert (shares[0], shares[-1]) == pytest.approx((1.3, 0.7))
    assert shares.mean() == pytest.approx(1)
    assert reporting_band(residents, "rest", 0.3) == pytest.approx(shares[::-1])
    empty = replace(residents, total=np.where(np.arange(36) < 6, 0, residents.total))
    assert (reporting_band(empty, "low", 0.3)[:6] == 1).all()
    with pytest.raises(InputError, match="No reporting band"):
        reporting_band(residents, "none", 0.3)


@settings(max_examples=30)
@given(st.floats(0.05, 3), st.integers(0, 99))
def test_a_uniform_reporting_rate_changes_nothing(rate, seed):
    expected = np.random.default_rng(seed).gamma(1, 1, (2, 36, 16))
    one = evidence(expected)
    found = check_reporting_rates(with_options(one, reporting_rates=np.full(36, rate)))
    assert [item.value for item in found] == pytest.approx([1.0] * 3)


def test_places_that_report_less_are_left_out():
    happened = np.ones((1, 36, 16))
    happened[0, 30:] = 2.0  # most happens in the last row, of which half is reported
    rates = np.where(np.arange(36) < 30, 1.0, 0.4)
    one = evidence(happened * rates[None, :, None], land_share=6 / 36, rank_by="per_km2")
    found = check_reporting_rates(with_options(one, reporting_rates=rates))[0]
    assert (found.value, found.state) == (0.0, State.FAIL)
    table = vary_reporting_rates(one, rates)
    assert [value(table, "given", measure, "a") for measure in ("jaccard", "left_out")] == [0, 1]


def test_the_worst_group_counts_unless_a_group_is_set():
    rng = np.random.default_rng(5)
    share = rng.random(36)
    expected = np.exp(0.4 * (share - 0.5) + 0.05 * rng.normal(size=36))[None, :, None] * np.ones((1, 1, 16))
    one = evidence(expected, residents=(lives(share),))
    named = [
        check_reporting_rates(with_options(one, underreporting_group=("income", group)))[0].value
        for group in ("low", "rest")
    ]
    assert named[0] > named[1]  # if low places report less, the map that flags them is right all the more
    worst = check_reporting_rates(one)[0]
    assert worst.value == min(named)
    assert "income rest report less" in worst.detail
    with pytest.raises(InputError, match="underreporting_group=income/none is not in the group table"):
        check_reporting_rates(with_options(one, underreporting_group=("income", "none")))


def test_a_wider_band_changes_more_of_the_map():
    table = vary_reporting_rates(evidence(), underreporting_group=("income", "low"))
    overlaps = table.loc[(table["measure"] == "jaccard") & (table["crime_type"] == "all"), "value"]
    assert len(overlaps) == 5
    assert overlaps.is_monotonic_decreasing


def test_without_groups_and_rates_the_evidence_is_insufficient():
    found = check_reporting_rates(evidence(residents=()))
    assert {one.state for one in found} == {State.INSUFFICIENT}
    assert [one.crime_type for one in found] == ["a", "b", "all"]
    assert vary_reporting_rates(evidence(residents=())).empty


@pytest.mark.parametrize("rates", [np.zeros(36), np.ones(3), np.full(36, np.nan)])
def test_invalid_reporting_rates_are_refused(rates):
    with pytest.raises(InputError, match="Reporting rates need one value per cell"):
        check_reporting_rates(with_options(evidence(), reporting_rates=rates))


@pytest.mark.skipif(not TORONTO.is_dir(), reason="the Toronto census groups are not in the shared data folder")
def test_toronto_assaults_change_as_published_if_poorer_places_report_less():
    """Published: exposure 1.37 to 2.01 and an overlap of 0.70, which lies between 11 and 12 of 14 areas."""
    names = pd.read_csv(TORONTO / "toronto_demography" / "event_name_crosswalk.csv")
    people = names.merge(pd.read_csv(TORONTO / "toronto_demography" / "neighbourhoods_2016.csv"), on="hood_140")
    events = pd.read_parquet(TORONTO / "toronto_mci" / "events_2014_2021.parquet")
    events = events[(events["crime_type"] == "Assault") & (events["occurred_at"].dt.year == 2019)]
    year = events["neighbourhood"].value_counts().reindex(people["event_name"]).to_numpy(dtype=float)[None, :, None]
    total = people["pop_2016"].to_numpy(dtype=float)
    low = (people["lim_at"] / people["lim_universe"]).to_numpy()
    poorer = people["hh_median_income_2015_interp"].rank(ascending=False).to_numpy() / 141
    origin = people[["vm_black", "vm_not"]].to_numpy(dtype=float)
    dimensions = (
        Residents("origin", ("Black", "not a visible minority"), origin, total, origin, 0.0),
        lives(low, total[:, None], "income"),
        lives(poorer, total[:, None], "median income", ("poorer", "richer")),
    )
    replay = replay_of(np.repeat(year, 12, axis=2), np.repeat(year, 12, axis=2))
    grid = replace(square_grid(10, 14), cells=replay.expected.indexes["cell"], parents=pd.DataFrame())
    one = replace(evidence(), replay=replay, baseline=replay, grid=grid, residents=dimensions, land_share=0.1)
    for underreporting_group, exposure, kept in (
        (("income", "low"), 1.88, 12),
        (("median income", "poorer"), 2.04, 11),
    ):
        table = vary_reporting_rates(one, underreporting_group=underreporting_group)
        table = table[table["setting"].str.contains("from 1.3 to 0.7 ")]
        table = table[table["dimension"].isin(["", "origin"])].set_index(["measure", "group"])
        basis = Basis.from_residents(dimensions[0])
        sums = [
            tally_flags(basis, flags, one.observed).whole for flags in (one.flags, _flags(one, underreporting_group))
        ]
        before, after = (formulas.exposure_ratio(one_sum, reference=1)[0, 0] for one_sum in sums)
        assert (before, after) == pytest.approx((1.37, exposure), abs=0.005)
        assert table.loc["jaccard", "value"].item() == pytest.approx(kept / (28 - kept))


def _flags(one, underreporting_group):
    residents = next(item for item in one.residents if item.dimension == underreporting_group[0])
    happened = one.replay.expected.values / reporting_band(residents, underreporting_group[1], 0.3)[:, None]
    return FlaggingRule(one.grid.area_m2).flagged(happened, one.land_share)[0]
