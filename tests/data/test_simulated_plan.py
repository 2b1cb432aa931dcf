import pytest

from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.errors import InputError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": "x"}, "data.seed='x' is not usable; set a whole number"),
        ({"weeks": 0}, "data.weeks=0"),
        ({"districts": 2.5}, "whole number"),
        ({"reporting_rate": 1.2}, r"set a number from 0.05 to 1\."),
        ({"reporting_rate": float("nan")}, "not usable"),
        ({"start": "2019-13-01"}, "write it as 2019-01-07"),
        ({"lattice_m": 400.0}, "is not a whole number of squares"),
        ({"lattice_m": 10.0}, "too fine"),
        ({"crime_types": {}}, "at least one crime type"),
        ({"crime_types": {"a": SimulatedType(yearly=1, metres=5000)}}, "too large"),
        ({"reporting_by_area": {"Downtown": 0.5}}, "use 'District 1-1' to 'District 6-6'"),
        ({"reporting_by_area": {"District 1-1": 2}}, "data.reporting_by_area.District 1-1=2"),
        ({"group_shares": {"a": 0.5, "cedar": 0.6}}, r"must sum to 1, not 1\.1"),
        ({"group_shares": {"cedar": -1.0, "a": 2.0}}, "data.group_shares.cedar"),
        ({"marked_group": "oak"}, "choose one of amber, birch, cedar"),
    ],
)
def test_an_impossible_city_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        SimulatedCity(**changes)
