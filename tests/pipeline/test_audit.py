import pytest

from ilp_models.domain.errors import InputError
from tests.pipeline.small_city import run_task

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_gap_in_the_reporting_rates_is_said_before_the_replays(tmp_path):
    (tmp_path / "rates.csv").write_text("area,rate\nnowhere,0.5\n")
    with pytest.raises(InputError, match="have no reporting rate"):
        run_task("audit", tmp_path, f"audit.reporting_rates.path='{tmp_path}/rates.csv'")
    assert not (tmp_path / "forecasts").exists()
