import numpy as np
import pandas as pd
import pytest

from ilp_models.report.audit import tables as tables
from tests.report import audit_records as records


def test_gaps_of_a_group_add_up_and_weak_families_are_one_column():
    table = tables.attribution_gap_matrix(records.gaps_of(), "all", 3)
    assert list(table.columns) == ["own_past", "lags", "surroundings", "others", "sum"]
    assert list(table.index) == [("origin", "Upland"), ("origin", "Lowland")]
    assert table["sum"].to_numpy() == pytest.approx(table.iloc[:, :4].sum(axis=1).to_numpy())
    assert table.loc[("origin", "Upland"), "own_past"] == pytest.approx(0.2)


def test_a_group_whose_areas_are_not_explained_has_no_gap():
    gaps = records.gaps_of()
    gaps.loc[gaps["group"] == "Lowland", "gap"] = np.nan
    table = tables.attribution_gap_matrix(gaps, "all")
    assert table.loc[("origin", "Lowland")].isna().all()
    assert table.loc[("origin", "Upland")].notna().all()


def test_permanently_flagged_areas_by_hand():
    flags = np.zeros((3, 100, 10))
    flags[0, :3, :6] = 1  # three cells of areas 00 and 01, in six of ten periods
    flags[0, 50, :5] = 1  # half of the periods is not more than half
    areas = tables.permanently_flagged_areas(records.full(flags=flags), 1)
    assert areas["Assault"].to_dict("records") == [{"area": "area 00", "cells": 2, "flagged": pytest.approx(0.6)}]
    assert areas["Assault"].attrs == {"cells": 3, "areas": 2}
    assert areas["Robbery"].empty


def test_the_furthest_ratio_needs_enough_evidence():
    rows = tables.measure_rows(records.computed())
    ratios = rows[tables.audited_rows(records.computed(), rows)]
    known = tables.furthest_ratio(ratios, "exposure_ratio")
    little = ratios.assign(enough=[group != known["group"] for group in ratios["group"]])
    assert tables.furthest_ratio(little, "exposure_ratio")["group"] != known["group"]
    assert tables.furthest_ratio(ratios.assign(value=np.nan), "exposure_ratio") is None


def test_sensitivity_by_hand():
    lines = tables.summarise_variants(records.ranking_units()).set_index("setting")
    assert lines.iloc[:, 0].to_dict() == {"per_km2": 0.6, "per_resident": 0.9}
    assert lines.iloc[:, 1].to_dict() == {"per_km2": "2 of 2", "per_resident": "0 of 2"}
    table = tables.measures_as_columns(records.ranking_units())
    assert table["crime_type"].is_monotonic_decreasing  # all first
    upland = table[(table["group"] == "Upland") & (table["setting"] == "per_km2") & (table["crime_type"] == "all")]
    assert upland["Exposure ratio"].tolist() == pytest.approx([0.84])
    assert upland["Exposure ratio, audited"].tolist() == pytest.approx([1.4])


@pytest.mark.parametrize(("changes", "count"), [([True, False, False], 1), ([False, False, False], 0)])
def test_findings_that_depend_on_the_census_error_are_counted_and_listed(changes, count):
    table = pd.DataFrame({"group": ["Upland", "Lowland", "Shore"], "state": ["pass", "pass", "reported"]})
    table = table.assign(state_at_low=table["state"], state_at_high=["fail", "pass", "reported"], changes=changes)
    dossier = records.full(sensitivity={"census_error": table})
    lines = next(one.summary for one in tables.sensitivity_results(dossier, 60) if one.name == "Census error")
    assert lines.caption == f"{count} of 2 findings change state at an end of the census interval"
    assert lines.rows == (("Upland", "pass", "pass", "fail"),)[:count]


def test_feedback_is_the_mean_over_replicates_with_its_ends():
    paths = tables.feedback_paths(records.feedback_of()).set_index(["crime_type", "records", "period"])
    last = paths.loc[("all", "followed", 24)]
    assert last.tolist() == pytest.approx([0.1 + 24 * 0.004 + 0.005, 0.1 + 24 * 0.004, 0.1 + 24 * 0.004 + 0.01])
