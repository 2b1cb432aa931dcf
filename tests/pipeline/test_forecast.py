import pytest

from ilp_models.domain.errors import InputError, NotRunError
from tests.pipeline.small_city import run_task

RISK = ("model=[risk_terrain]", "forecaster=risk_terrain")


def test_without_a_layer_the_reason_is_told(tmp_path):
    with pytest.raises(NotRunError, match="There is no context layer"):
        run_task("forecast", tmp_path, *RISK)
    with pytest.raises(InputError, match=r"layers\.bars\.pth is not a setting"):
        run_task("forecast", tmp_path, *RISK, "++layers.bars={path:a.gpkg,pth:b}")
