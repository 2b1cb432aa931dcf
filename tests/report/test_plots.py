import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.report.plots import (
    FIGURE_FORMATS,
    figure_formats,
    frontier_text,
    plot_calibration,
    plot_explanation,
    plot_frontier,
    plot_hit_curves,
    plot_importance,
    plot_skill,
    save_figure,
)
from tests.report.audit_records import explanation_of
from tests.report.images import pixels

FRONTIER = pd.DataFrame(
    {
        "cap": np.repeat([np.inf, 1.5, 1.0], 2),
        "group": ["hill", "$hore"] * 3,
        "of_uncapped": np.repeat([1.0, 0.98, np.nan], 2),
        "exposure_ratio": [1.8, 0.6, 1.4, 0.8, np.nan, np.nan],
        "coverage": [0.4, 0.3, 0.36, 0.33, np.nan, np.nan],
    }
)


def test_an_unwritable_figure_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    importance = pd.DataFrame({"feature": ["lag_1"], "family": ["lags"], "multiplier": [1.0]})
    with pytest.raises(StorageError, match=r"file/importance.png was not written .*choose another folder"):
        save_figure(plot_importance(importance), tmp_path / "file" / "importance.png")


@pytest.mark.slow
def test_charts_can_be_written(tmp_path):
    shares = np.linspace(0, 1, 101)
    curves = pd.concat(
        pd.DataFrame({"share": shares, "hit_rate": shares**power, "oracle": shares**0.1, "forecaster": name})
        for name, power in {"ewma": 0.5, "$odd_name": 0.6}.items()
    ).assign(crime_type="all")
    bins = pd.DataFrame({"crime_type": "Assault", "expected": [0.1, 1], "observed": [0.0, 1], "low": 0.0, "high": 2.0})
    importance = pd.DataFrame({"feature": ["lag_1"], "family": ["lags"], "multiplier": [1.0]})
    skill = pd.DataFrame({"forecaster": ["ewma", "$odd_name"], "skill": [0.1, -9.0], "low": 0.05, "high": 0.15})
    for number, figure in enumerate(
        (
            plot_hit_curves(curves, "ewma"),
            plot_calibration(bins.assign(low=[np.nan, 0.5])),
            plot_importance(importance),
            plot_skill(skill.assign(verdict=["better", "worse"]), "mean"),
        )
    ):
        path = save_figure(figure, tmp_path / f"{number}.png")
        assert len(np.unique(pixels(path).reshape(-1, 3), axis=0)) > 10


def test_ticks_of_a_calibration_over_one_decade_are_few_and_plain():
    bins = pd.DataFrame({"crime_type": "Assault", "expected": [0.9, 6], "observed": [1.0, 5], "low": 0.9, "high": 6.0})
    axes = plot_calibration(bins).axes[0]
    axes.figure.draw_without_rendering()
    for axis in (axes.xaxis, axes.yaxis):
        assert {"1", "3"} <= {tick.get_text() for tick in axis.get_ticklabels()}
        assert {tick.get_text() for tick in axis.get_ticklabels(minor=True)} <= {""}


def test_only_some_of_many_curves_have_a_label_and_the_highlighted_one_always():
    one = {"share": [0.0, 0.25], "hit_rate": [0.0, 0.5], "oracle": [0.0, 0.9]}
    curves = pd.concat([pd.DataFrame({**one, "forecaster": f"m{k}", "crime_type": "all"}) for k in range(20)])
    figure = plot_hit_curves(curves, "m15")
    _, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == [*(f"m{k}" for k in range(8)), "m15", "11 others", "oracle: knows the counts", "random area"]


def test_the_frontier_as_figure_and_text(tmp_path):
    path = save_figure(plot_frontier(FRONTIER, 1.5), tmp_path / "frontier.png")
    assert pixels(path).shape[1] > 800
    assert frontier_text(FRONTIER) == (
        "Value covered under each cap, as a share of the uncapped plan: "
        "no cap: 100.0 %; cap 1.5: 98.0 %; cap 1: \N{EN DASH}."
    )


def test_skill_of_all_types_at_the_first_lead_is_shown():
    rows = [(name, lead, kind) for name in ("a", "b") for lead in (1, 2) for kind in ("all", "Assault")]
    skill = pd.DataFrame(rows, columns=["forecaster", "lead", "crime_type"])
    figure = plot_skill(skill.assign(skill=0.1, low=0.0, high=0.2, verdict="tie"), "mean")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]


def test_bounds_do_not_squeeze_the_forecasters_of_a_skill_plot():
    rows = pd.DataFrame(
        {"forecaster": ["ewma", "lightgbm", "oracle", "ceiling (Poisson)"], "skill": [0.0, 0.02, 0.9, 0.7]}
    )
    skill = rows.assign(low=rows["skill"] - 0.01, high=rows["skill"] + 0.01, verdict=["", "better", "", ""])
    axes = plot_skill(skill, "ewma").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ewma", "lightgbm"]
    assert axes.get_xlim()[1] < 5


def test_an_explanation_has_one_bar_per_feature():
    explanation = explanation_of()
    figure = plot_explanation(explanation, features=2)
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    strongest = explanation.importance()["feature"].head(2).iloc[::-1]
    assert labels == [name.replace("_", " ") for name in strongest]


@pytest.mark.slow
def test_figures_have_equal_bytes_in_each_format_and_no_date(tmp_path):
    for folder in ("a", "b"):
        with figure_formats(["png", "svg", "pdf"]):
            save_figure(plot_frontier(FRONTIER, 1.5), tmp_path / folder / "frontier.png", "Frontier")
    for name in FIGURE_FORMATS:
        first, second = ((tmp_path / folder / f"frontier.{name}").read_bytes() for folder in ("a", "b"))
        assert first == second
        assert b"CreationDate" not in first
        assert b"<dc:date>" not in first
    assert (tmp_path / "a" / "frontier.pdf").read_bytes().startswith(b"%PDF")
    save_figure(plot_frontier(FRONTIER, 1.5), tmp_path / "c" / "frontier.png")
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["frontier.png"]


@pytest.mark.parametrize("formats", ["svg", ["png", "gif"]])
def test_an_unknown_format_of_figures_is_refused(formats):
    wrong = pytest.raises(InputError, match=r"figure_formats=.* is not valid\. Choose from \[png, svg, pdf\]")
    with wrong, figure_formats(formats):
        pass
