import itertools

import numpy as np
import pandas as pd
import pytest

from ilp_models.report.audit import figures


def test_every_line_of_feedback_is_inside_its_panel():
    small, large = ([0.01, 0.02], [0.3, 0.6])
    paths = pd.concat(
        pd.DataFrame({"records": "true", "period": [1, 2], "crime_type": kind, "distance": mean, "low": mean})
        for kind, mean in {"all": small, "Assault": large, "Robbery": small}.items()
    )
    figure = figures.plot_feedback(paths.assign(high=1.5 * paths["distance"]))
    assert all(axes.get_ylim()[0] == 0 and axes.get_ylim()[1] >= 0.9 for axes in figure.axes)


@pytest.mark.parametrize(("kinds", "labelled"), [(3, {0, 1, 2}), (4, {1, 2, 3}), (5, {2, 3, 4})])
def test_the_lowest_panel_of_each_column_has_tick_labels(kinds, labelled):
    names = [f"type {number}" for number in range(kinds)]
    rows = pd.DataFrame(
        itertools.product(names, ["hill", "shore"], ["exposure", "coverage"]),
        columns=["crime_type", "group", "measure"],
    ).assign(value=np.linspace(0.1, 0.5, 4 * kinds), baseline=0.2, week_low=0.05, week_high=0.6)
    figure = figures.plot_exposure_coverage(rows)
    panels = figure.axes[:kinds]
    assert {at for at, axes in enumerate(panels) if axes.xaxis.get_tick_params()["labelbottom"]} == labelled
