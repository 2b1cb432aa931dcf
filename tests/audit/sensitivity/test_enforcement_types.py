import pytest

from ilp_models.audit.sensitivity.enforcement_types import (
    check_enforcement_types,
    vary_enforcement_types,
)
from ilp_models.audit.sensitivity.flagged_map import FlaggedMap
from ilp_models.domain.enforcement_kinds import ENFORCEMENT_KINDS
from ilp_models.domain.finding import Limit, State
from tests.audit.sensitivity.varied_maps import evidence, value, with_options


def test_one_enforcement_driven_type_always_fails():
    one = evidence(limits={"enforcement_types": Limit(fail_above=99, neutral=0)})
    assert check_enforcement_types(with_options(one, enforcement_types=ENFORCEMENT_KINDS))[0].state is State.PASS
    found = check_enforcement_types(with_options(one, enforcement_types=["b"]))[0]
    assert (found.state, found.value) == (State.FAIL, 1.0)
    assert "Recorded by police activity: b (b)." in found.detail


def test_the_measures_without_enforcement_driven_types():
    one = evidence()
    table = vary_enforcement_types(one, kinds=["b"])
    assert set(table["crime_type"]) == {"all"}
    alone = FlaggedMap.from_context(one).measures().set_index(["crime_type", "measure", "group"])["value"]
    assert value(table, "without b", "exposure_ratio", group="low") == pytest.approx(
        alone["a", "exposure_ratio", "low"]
    )
    assert vary_enforcement_types(one).empty
    assert vary_enforcement_types(one, kinds=["a", "b"]).empty
