import numpy as np
import pandas as pd
import pytest

from ilp_models.report.audit import tables as tables
from ilp_models.report.audit.sensitivity import summary, variant_rows, wide
from ilp_models.report.html_table import HtmlTable
from tests.report import dossier_makers as makers


def test_gaps_of_a_group_add_up_and_the_rest_is_one_column():
    table = tables.strongest_gaps(makers.gaps_of(), "all", 3)
    assert list(table.columns) == ["own_past", "lags", "surroundings", "others", "sum"]
    assert list(table.index) == [("origin", "Upland"), ("origin", "Lowland")]
    assert table["sum"].to_numpy() == pytest.approx(table.iloc[:, :4].sum(axis=1).to_numpy())
    assert table.loc[("origin", "Upland"), "own_past"] == pytest.approx(0.2)


def test_a_group_whose_areas_are_not_explained_has_no_gap():
    gaps = makers.gaps_of()
    gaps.loc[gaps["group"] == "Lowland", "gap"] = np.nan
    table = tables.strongest_gaps(gaps, "all")
    assert table.loc[("origin", "Lowland")].isna().all()
    assert table.loc[("origin", "Upland")].notna().all()


def test_permanently_flagged_areas_by_hand():
    flags = np.zeros((2, 100, 10))
    flags[0, :3, :6] = 1  # three cells of areas 00 and 01, in six of ten periods
    flags[0, 50, :5] = 1  # half of the periods is not more than half
    held = tables.permanent(makers.full(flags=flags), 1)
    assert held["Assault"].to_dict("records") == [{"area": "area 00", "cells": 2, "flagged": pytest.approx(0.6)}]
    assert held["Assault"].attrs == {"cells": 3, "areas": 2}
    assert held["Robbery"].empty


def test_the_furthest_ratio_rests_on_enough():
    rows = tables.measure_rows(makers.measured())
    ratios = rows[tables.as_audited(makers.measured(), rows)]
    known = tables.extreme(ratios, "exposure_ratio")
    thin = ratios.assign(enough=[group != known["group"] for group in ratios["group"]])
    assert tables.extreme(thin, "exposure_ratio")["group"] != known["group"]
    assert tables.extreme(ratios.assign(value=np.nan), "exposure_ratio") is None


def test_choices_by_hand():
    lines = summary(makers.ranking_units()).set_index("setting")
    assert lines.iloc[:, 0].to_dict() == {"per_km2": 0.6, "per_resident": 0.9}
    assert lines.iloc[:, 1].to_dict() == {"per_km2": "2 of 2", "per_resident": "0 of 2"}
    table = wide(makers.ranking_units())
    assert table["crime_type"].is_monotonic_decreasing  # all first
    upland = table[(table["group"] == "Upland") & (table["setting"] == "per_km2") & (table["crime_type"] == "all")]
    assert upland["Exposure ratio"].tolist() == pytest.approx([0.84])
    assert upland["Exposure ratio, audited"].tolist() == pytest.approx([1.4])


@pytest.mark.parametrize(("changes", "count"), [([True, False, False], 1), ([False, False, False], 0)])
def test_what_hangs_on_the_error_of_the_census_is_counted_and_listed(changes, count):
    table = pd.DataFrame({"group": ["Upland", "Lowland", "Shore"], "state": ["pass", "pass", "reported"]})
    table = table.assign(state_at_low=table["state"], state_at_high=["fail", "pass", "reported"], changes=changes)
    dossier = makers.full(sensitivity={"census_error": table})
    lines = next(one.lines for one in variant_rows(dossier, 60) if one.name == "Census error")
    assert lines.caption == f"{count} of 2 findings would have another state at an end of the census interval"
    assert lines.rows == (("Upland", "pass", "pass", "fail"),)[:count]


def test_feedback_is_the_mean_over_replicates_with_its_ends():
    paths = tables.feedback_paths(makers.feedback_of()).set_index(["crime_type", "records", "period"])
    last = paths.loc[("all", "followed", 24)]
    assert last.tolist() == pytest.approx([0.1 + 24 * 0.004 + 0.005, 0.1 + 24 * 0.004, 0.1 + 24 * 0.004 + 0.01])


def test_cells_of_a_sheet_are_text():
    table = pd.DataFrame({"a_name": ["x"], "n": [1234], "value": [np.nan], "yes": [True], "none": [None]})
    sheet = HtmlTable.from_frame("Caption", table)
    assert sheet.labels == ("A name", "N", "Value", "Yes", "None")
    assert sheet.rows == (("x", "1,234", "\N{EN DASH}", "yes", ""),)
    assert sheet.numeric == (False, True, True, False, False)
    assert sheet.gaps
    assert HtmlTable.from_frame("Caption", table, keep=["value", "gone"]).labels == ("Value",)
