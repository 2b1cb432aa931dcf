import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.rank_draws import RankDraws


@pytest.mark.parametrize(
    "changes",
    [
        {"draws": 10}, {"draws": 10**6}, {"draws": 1e4}, {"draws": True}, {"separation": 0.5}, {"separation": 1.1},
        {"separation": float("nan")}, {"separation": "high"}, {"seed": -1}, {"seed": 0.5},
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(changes):
    with pytest.raises(InputError, match=f"ranking.{next(iter(changes))}="):
        RankDraws(**changes)
