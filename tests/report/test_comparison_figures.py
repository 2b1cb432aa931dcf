import numpy as np
import pandas as pd
import pytest

from ilp_models.report.comparison.figures import plot_mean_ranks
from ilp_models.report.plots import save_figure
from tests.report.images import pixels

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("count", [2, 5, 24])
def test_every_name_of_the_critical_difference_diagram_is_visible(count, tmp_path):
    table = pd.DataFrame(
        {
            "forecaster": [f"a_rather_long_name_{number}" for number in range(count)],
            "mean_rank": np.linspace(1.2, count - 0.2, count),
            "group": ["a"] * (count // 2) + ["b"] * (count - count // 2),
        }
    )
    image = pixels(save_figure(plot_mean_ranks(table, 1.5, 9), tmp_path / "ranks.png"))
    edge = np.concatenate([image[:, :6].reshape(-1, 3), image[:, -6:].reshape(-1, 3), image[-6:].reshape(-1, 3)])
    assert (edge == 255).all()  # no text is cut off
    assert (image < 128).any()


def test_ranks_with_too_few_blocks_can_be_drawn(tmp_path):
    table = pd.DataFrame({"forecaster": ["a", "b"], "mean_rank": [1.0, 2.0], "group": ["a", "a"]})
    assert save_figure(plot_mean_ranks(table, float("nan"), 1), tmp_path / "ranks.png").exists()
