from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.report.audit.audit_record import AuditPage
from tests.report import audit_records as records


def test_flags_of_other_cells_and_zero_rows_are_errors():
    with pytest.raises(InputError, match=r"flags has shape .* it needs 3 maps and 100 cells"):
        records.full(flags=np.zeros((2, 3, 4)))
    with pytest.raises(InputError, match="rows=0 must be at least 1"):
        AuditPage(rows=0)


@pytest.fixture(scope="module")
def bare():
    return records.bare()


def test_the_status_follows_from_the_decision(bare):
    assert bare.status == "withheld"
    assert replace(bare, decision=records.admitted()).status == "admitted"


def test_types_and_maps_are_those_of_the_audit(bare):
    assert bare.crime_types == tuple(kind for kind in bare.decision.report.crime_types if kind != "all")
    assert bare.maps == bare.decision.report.crime_types
    assert bare.unit == bare.header["rank_by"]
    assert bare.share_base == "active area"


def test_a_missing_part_has_a_reason(bare):
    assert bare.missing_reason("explanation") != ""
    assert replace(bare, absent={"explanation": "it was switched off"}).missing_reason("explanation") == (
        "it was switched off"
    )
