from ilp_models.audit.audit_input import AuditInput
from tests.audit import audit_inputs as inputs


def given(**more):
    return AuditInput(*inputs.city(), inputs.grid(), **more)


def test_columns_are_those_given_or_else_those_of_the_explanation():
    explained = inputs.explanation()
    assert given().columns is None
    assert given(explanation=explained).columns == explained.columns
    assert given(explanation=explained, features=inputs.COLUMNS[:1]).columns == inputs.COLUMNS[:1]
    assert given(explanation=explained, features=[]).columns == ()
