"""What the figures of an audit show, whatever the number of crime types."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ilp_models.report.audit import figures


@pytest.fixture
def drawn(monkeypatch):
    """Return a list that holds each figure as it is saved."""
    kept = []
    monkeypatch.setattr(figures, "save", lambda figure, path, _: (kept.append(figure), path)[1])
    return kept


def test_every_line_of_feedback_lies_within_its_panel(drawn, tmp_path):
    small, large = ([0.01, 0.02], [0.3, 0.6])
    paths = pd.concat(
        pd.DataFrame({"records": "true", "period": [1, 2], "crime_type": kind, "distance": mean, "low": mean})
        for kind, mean in {"all": small, "Assault": large, "Robbery": small}.items()
    )
    figures.draw_feedback(tmp_path / "feedback.png", paths.assign(high=1.5 * paths["distance"]))
    assert all(axes.get_ylim()[0] == 0 and axes.get_ylim()[1] >= 0.9 for axes in drawn[0].axes)


@pytest.mark.parametrize(("kinds", "numbered"), [(3, {0, 1, 2}), (4, {1, 2, 3}), (5, {2, 3, 4})])
def test_the_lowest_panel_of_each_column_has_numbers(drawn, tmp_path, kinds, numbered):
    names = [f"type {number}" for number in range(kinds)]
    rows = pd.DataFrame(
        itertools.product(names, ["hill", "shore"], ["exposure", "coverage"]),
        columns=["crime_type", "group", "measure"],
    ).assign(value=np.linspace(0.1, 0.5, 4 * kinds), baseline=0.2, week_low=0.05, week_high=0.6)
    figures.draw_sides(tmp_path / "sides.png", rows)
    panels = drawn[0].axes[:kinds]
    assert {at for at, axes in enumerate(panels) if axes.xaxis.get_tick_params()["labelbottom"]} == numbered
