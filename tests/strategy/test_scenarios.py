import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.threats.scenarios import Scenarios


@pytest.mark.parametrize("settings", [{"hours": [0]}, {"hours": [30]}, {"budget_share": 0}, {"hours": [float("nan")]}])
def test_scenarios_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match="must be above 0 and at most 1"):
        Scenarios(**settings)
