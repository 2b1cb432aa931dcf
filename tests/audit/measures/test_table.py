from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ilp_models.audit.check_context import MinEvidence
from ilp_models.audit.measures.table import COLUMNS, SHARES, measure_groups
from ilp_models.domain.errors import InputError
from tests.audit import audit_inputs as inputs
from tests.audit.measures.measured_city import evidence, findings
from tests.builders import harm_sets

HARM = {"Assault": 1.0, "Robbery": 3.0}
OF_MAPS = {"gini", "permanent_cells"}
OF_DIMENSIONS = {"coverage_ratio", "permanent_ratio", "bias_ratio"}


@cache
def table():
    return measure_groups(evidence(harm=HARM))


def value(rows, measure, group="", crime_type="all", share=0.2, unit="count", column="value"):
    found = rows[(rows["measure"] == measure) & (rows["group"] == group) & (rows["crime_type"] == crime_type)]
    if found["share"].notna().any():
        found = found[(found["share"] == share) & (found["unit"] == unit)]
    assert len(found) == 1
    return found[column].iloc[0]


def test_every_measure_stands_once_for_each_type_share_unit_and_group():
    rows = table()
    assert tuple(rows.columns) == COLUMNS
    keys = [*COLUMNS[:5], "measure"]
    assert not rows.duplicated(keys).any()
    maps = rows[rows["share"].notna()]
    assert set(maps["unit"]) == {"count", "per_km2", "per_resident", "harm"}
    assert set(maps["share"]) == set(SHARES)
    per_map = maps.groupby(["share", "unit", "crime_type"]).size()
    assert len(per_map) == 4 * 4 * 3
    assert set(per_map) == {7 * 2 + 2 + 2}
    without = rows[rows["share"].isna()]
    assert set(without["measure"]) >= {"sum_ratio", "d2", "over_prediction", "calibration_slope", "bias_ratio"}
    assert set(rows.loc[rows["group"] == "", "measure"]) == OF_MAPS | OF_DIMENSIONS
    assert set(rows.loc[rows["dimension"] == "", "measure"]) == OF_MAPS


def test_intervals_hold_their_value_and_all_three_are_there():
    rows = table()
    drawn = rows[~rows["measure"].isin(OF_MAPS | {"population_share"})]
    assert (drawn["week_low"] <= drawn["value"] + 1e-9).all()
    assert (drawn["value"] <= drawn["week_high"] + 1e-9).all()
    two_more = drawn[~drawn["measure"].str.startswith("calibration") & (drawn["share"] != 0.01)]
    wide = two_more[two_more["share"].isna() | (two_more["share"] >= 0.1)]
    assert wide[["area_low", "area_high", "chance_low", "chance_high", "p_chance", "p_adjusted"]].notna().all(axis=None)
    assert (wide["p_adjusted"] >= wide["p_chance"]).all()


def test_the_table_says_what_the_findings_say():
    rows, made = table(), evidence()
    for check in ("exposure", "exposure_ratio", "need_adjusted_ratio", "coverage", "baseline_exposure_ratio", "d2"):
        for (crime_type, group), finding in findings(made, check).items():
            got = [value(rows, check, group, crime_type, column=c) for c in ("value", "week_low", "week_high")]
            assert got == pytest.approx([finding.value, finding.low, finding.high]), check
    for check, measure in (("coverage_ratio",) * 2, ("bias_ratio",) * 2, ("permanently_flagged", "permanent_ratio")):
        for (crime_type, _), finding in findings(made, check).items():
            assert value(rows, measure, "", crime_type) == pytest.approx(finding.value)


def test_the_baseline_stands_beside_its_own_measures():
    made = evidence()
    swapped = measure_groups(replace(made, replay=made.baseline, baseline=made.replay), (0.2,))
    rows = table()
    for measure in ("exposure", "exposure_ratio", "need_adjusted_ratio", "coverage", "permanent", "sum_ratio"):
        assert value(rows, measure, "Upland", column="baseline") == pytest.approx(value(swapped, measure, "Upland"))
    for measure in ("coverage_ratio", "permanent_ratio", "bias_ratio", "gini", "permanent_cells"):
        assert value(rows, measure, column="baseline") == pytest.approx(value(swapped, measure)), measure
    ratio = value(rows, "exposure_ratio", "Upland") / value(swapped, "exposure_ratio", "Upland")
    assert value(rows, "baseline_exposure_ratio", "Upland") == pytest.approx(ratio)
    assert np.isnan(value(rows, "d2", "Upland", column="baseline"))


def test_harm_makes_one_map_of_all_types():
    assert "harm" not in set(measure_groups(evidence(), (0.2,))["unit"])
    rows = table()
    same = [value(rows, "exposure", "Upland", kind, unit="harm") for kind in ("Assault", "Robbery", "all")]
    assert same == pytest.approx([same[0]] * 3)
    only = measure_groups(evidence(harm={"Assault": 0, "Robbery": 2.0}), (0.2,))
    assert value(only, "exposure", "Upland", "Assault", unit="harm") == pytest.approx(
        value(only, "exposure", "Upland", "Robbery", unit="count")
    )
    with pytest.raises(InputError, match="no harm weight for Robbery"):
        measure_groups(evidence(harm={"Assault": 1.0}), (0.2,))
    with pytest.raises(InputError, match=r"Choose sets with .*, and one .* audit\.harm=csi_2009"):
        _ = evidence(rank_by="harm").flags
    assert evidence(rank_by="harm", harm=HARM).flags.shape == (3, 100, 52)


def test_every_harm_set_and_reading_has_a_map():
    sets = harm_sets(HARM, {"Assault": (0.001, 1), "Robbery": (1, 1)}, {"Assault": 1, "Robbery": 1})
    weights = tuple(one.for_types(inputs.TYPES) for one in sets)
    rows = measure_groups(evidence(harm=HARM, harm_sets=weights), (0.2,))
    units = {"harm", "harm_first", "harm_second_low", "harm_second_high", "harm_third"}
    assert set(rows["unit"].dropna()) == {"count", "per_km2", "per_resident", *units}
    exposure = {unit: value(rows, "exposure", "Upland", unit=unit) for unit in units}
    assert exposure["harm"] == exposure["harm_first"]
    assert exposure["harm_second_high"] == pytest.approx(exposure["harm_third"])
    assert exposure["harm_third"] == pytest.approx(value(rows, "exposure", "Upland", unit="count"))
    assert exposure["harm_second_low"] == pytest.approx(value(rows, "exposure", "Upland", "Robbery"), rel=0.05)


def test_groups_without_enough_evidence_are_shown_and_marked():
    rows = measure_groups(evidence(min_evidence=MinEvidence(areas=20)), (0.2,))
    groups = rows[rows["group"] != ""]
    assert not groups["enough"].any()
    assert groups.loc[groups["measure"] == "exposure", "value"].notna().all()
    dimensions = rows[rows["measure"].isin(OF_DIMENSIONS)]
    assert not dimensions["enough"].any()
    assert dimensions["value"].isna().all()
    assert table().loc[table()["group"] != "", "enough"].all()


def test_without_residents_there_is_nothing_to_measure():
    with pytest.raises(InputError, match=r"Set audit\.groups\.path"):
        measure_groups(evidence(residents=()))
