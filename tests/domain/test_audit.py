import pytest

from ilp_models.domain.errors import InputError
from tests.domain.gate_example import WHOLE, report


def test_two_findings_on_one_thing_are_refused():
    with pytest.raises(InputError, match="two findings on feature_allow_list"):
        report((WHOLE[0], WHOLE[0]))
