import numpy as np
import pytest

from ilp_models.audit.defaults import ALLOWED_FAMILIES
from ilp_models.domain.features import Column
from ilp_models.domain.finding import State
from tests.audit import audit_inputs as inputs
from tests.audit.audit_reports import audit_city, finding_of, reasons_of, states_of


def test_without_a_group_table_the_gate_withholds_and_says_what_to_provide():
    known, baseline = inputs.city()
    report = inputs.audit().run(inputs.audit_input(known, baseline, inputs.grid(), inputs.explanation()))
    assert states_of(report, "group_table") == {"": State.INSUFFICIENT}
    text = reasons_of(report)
    assert "area, dimension, group, population" in text
    assert "audit.groups.path=FILE" in text


def test_a_broken_group_table_withholds_with_its_error():
    assert "repeats area 00 / origin / Upland" in reasons_of(
        audit_city(groups=inputs.group_table().iloc[[0, *range(50)]])
    )


def test_attributions_that_do_not_add_up_fail_and_none_at_all_are_insufficient():
    assert states_of(audit_city(explanation=inputs.explanation(error=1e-5)), "shap_additivity") == {"": State.FAIL}
    assert states_of(audit_city(explanation=inputs.explanation(error=np.nan)), "shap_additivity") == {
        "": State.INSUFFICIENT
    }
    known, baseline = inputs.city()
    report = inputs.audit(inputs.group_table()).run(inputs.audit_input(known, baseline, inputs.grid()))
    assert states_of(report, "shap_additivity") == states_of(report, "feature_allow_list") == {"": State.INSUFFICIENT}
    assert "explanation of 'ewma' only" in reasons_of(audit_city(explanation=inputs.explanation("ewma")))


@pytest.mark.parametrize(
    "column",
    [
        Column("share_x", "census", ""),
        Column("mean_ethnic_share", "own_past", ""),
        Column("population share", "lags", ""),
        Column("Suspect-Age", "lags", ""),
        Column("upland_8", "own_past", ""),
        Column("origin", "own_past", ""),
    ],
    ids=lambda column: column.name,
)
def test_columns_of_persons_groups_or_unknown_families_fail(column):
    report = audit_city(features=(*inputs.COLUMNS, column))
    assert states_of(report, "feature_allow_list") == {"": State.FAIL}
    assert column.name in finding_of(report, "feature_allow_list").detail


def test_ordinary_columns_are_allowed():
    fine = [
        Column("average_lag_1", "lags", ""),
        Column("city_level_13", "city_level", ""),
        Column("weekday_mean_8", "same_weekday", ""),
        Column("lead", "lead", ""),
        Column("type_Identity theft - name", "crime_type", ""),
    ]
    assert states_of(audit_city(features=fine), "feature_allow_list") == {"": State.PASS}
    named = inputs.group_table().replace({"Upland": "1", "Lowland": "rest"})
    assert states_of(audit_city(groups=named, features=fine), "feature_allow_list") == {"": State.PASS}


def test_columns_of_places_need_a_reviewer_whose_choice_is_named():
    columns = (*inputs.COLUMNS, Column("bars_distance", "context", ""))
    assert states_of(audit_city(features=columns), "feature_allow_list") == {"": State.FAIL}
    admitted = audit_city(features=columns, allowed_families=[*ALLOWED_FAMILIES, "context"])
    assert states_of(admitted, "feature_allow_list") == {"": State.PASS}
    assert admitted.changed == ("audit.allowed_families with context",)


def test_a_list_that_is_nothing_withholds_or_is_named():
    assert audit_city(forbidden_terms=()).changed[0].startswith("audit.forbidden_terms without race")
    report = audit_city(allowed_families=None)
    assert finding_of(report, "feature_allow_list").state is State.INSUFFICIENT
    assert report.changed[0].startswith("audit.allowed_families without lags")
