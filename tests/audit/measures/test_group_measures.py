from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ilp_models.audit.check_context import CheckContext, MinEvidence
from ilp_models.audit.measures.checks import check_groups
from ilp_models.audit.measures.table import COLUMNS, SHARES, measure_groups
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Limit, State, sentence
from ilp_models.stats.bootstrap import Bootstrap
from tests.audit import audit_inputs as inputs
from tests.builders import harm_sets

BETWEEN = Limit(warn_above=1.05, fail_above=1.10)
LIMITS = {
    "bias_ratio": BETWEEN,
    "baseline_exposure_ratio": BETWEEN,
    "permanently_flagged": Limit(warn_above=1.5, fail_above=2.0),
}
HARM = {"Assault": 1.0, "Robbery": 3.0}
OF_MAPS = {"gini", "permanent_cells"}
OF_DIMENSIONS = {"coverage_ratio", "permanent_ratio", "bias_ratio"}


def evidence(model=None, slant=0.3, **changes):
    known, baseline = inputs.city()
    people = inputs.audit(inputs.group_table(slant)).groups.to_cells(inputs.grid())
    made = CheckContext(
        replay=model or known,
        baseline=baseline,
        grid=inputs.grid(),
        explanation=None,
        features=None,
        limits=LIMITS,
        min_evidence=MinEvidence(),
        bootstrap=Bootstrap(draws=200),
        land_share=0.2,
        rank_by="count",
        floor=0.005,
        residents=people,
    )
    return replace(made, **changes)


@cache
def table():
    return measure_groups(evidence(harm=HARM))


def value(rows, measure, group="", crime_type="all", share=0.2, unit="count", column="value"):
    found = rows[(rows["measure"] == measure) & (rows["group"] == group) & (rows["crime_type"] == crime_type)]
    if found["share"].notna().any():
        found = found[(found["share"] == share) & (found["unit"] == unit)]
    assert len(found) == 1
    return found[column].iloc[0]


def findings(made, check):
    return {(f.crime_type, f.group): f for f in check_groups(made) if f.check == check}


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


def test_a_model_alike_for_both_groups_passes():
    for check in LIMITS:
        made = findings(evidence(slant=0.0), check)
        assert {finding.state for finding in made.values()} == {State.PASS}, check
        assert {finding.limit for finding in made.values()} == {LIMITS[check]}


def test_too_high_forecasts_where_one_group_lives_fail():
    known, _ = inputs.city()
    slope = np.linspace(0.3, 1.7, 100)[None, :, None]
    made = evidence(replace(known, expected=known.expected * slope), slant=0.8, min_evidence=MinEvidence(areas=5))
    for check in ("bias_ratio", "baseline_exposure_ratio", "permanently_flagged"):
        states = {where: finding.state for where, finding in findings(made, check).items()}
        assert states["all", "Upland" if check == "baseline_exposure_ratio" else ""] is State.FAIL, check
    skill = findings(made, "d2")["all", "Upland"]
    assert skill.state is State.PASS
    assert sentence(skill).startswith("Skill by group is reported for all crime types, origin Upland: ")


def test_where_no_cell_is_permanently_flagged_the_ratio_is_1_and_the_finding_says_so():
    known, _ = inputs.city()
    turning = np.stack([np.roll(known.expected.values[..., 0], 17 * week, axis=1) for week in range(52)], axis=2)
    made = findings(evidence(replace(known, expected=known.expected.copy(data=turning))), "permanently_flagged")
    for finding in made.values():
        assert (finding.value, finding.low, finding.high) == (1, 1, 1)
        assert finding.state is State.PASS
        assert finding.detail == "No cell is flagged in more than half of the periods."


@pytest.mark.parametrize("minimum", [MinEvidence(areas=20), MinEvidence(events=1e6)])
def test_too_little_evidence_is_insufficient_in_all_of_them(minimum):
    made = check_groups(evidence(min_evidence=minimum))
    assert {finding.state for finding in made} == {State.INSUFFICIENT}
    assert {finding.check for finding in made} >= {*LIMITS, "d2", "over_prediction", "under_prediction"}
