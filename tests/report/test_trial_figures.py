"""Figures of an evaluated trial: the numbers of the tables, and nothing that a table hides."""

import numpy as np
import pandas as pd

from ilp_models.report.trial_figures import arms_of_units, dose_classes, draw_event_study, plot_event_study

NAN = float("nan")
MEMBERS = [np.array([0, 1]), np.array([2]), np.array([3])]
TREATED = np.array([[1, 1], [0, 0], [1, 0]], dtype=bool)
DOSE = pd.DataFrame(
    {
        "place": ["a", "b", "c", "d"],
        "treated_hours": [2.0, NAN, 0.0, 8.0],
        "other_hours": [0.0, NAN, 5.0, 0.0],
        "suppressed": [False, True, False, False],
    }
)
CELLS = {name: np.array([at]) for at, name in enumerate("abcde")}
STUDY = pd.DataFrame(
    {
        "span": [-2, -1, 0, 1, 2],
        "ratio": [1.1, NAN, 1.0, 0.7, 0.6],
        "low": [0.8, NAN, NAN, 0.5, 0.01],
        "high": [1.5, NAN, NAN, 0.9, 40.0],
        "treated": [50, 0, 40, 30, 2],
        "control": [45, 0, 40, 43, 3],
    }
)


def names_of(panels, classes):
    labels = [*(label for label, _ in classes), "-"]
    return [[labels[one] for one in shown] for shown in panels.values()]


def test_the_dose_map_by_hand_hides_what_the_table_hides():
    assert arms_of_units(TREATED) == ["treated", "control", "in turns"]
    given, other = names_of(*dose_classes(MEMBERS, TREATED, DOSE, CELLS, 5))
    hidden = "hidden: one patrol unit only"
    # recorded hours are 2, 5 and 8, so the quartiles are 2, 3.5, 5, 6.5, 8
    assert given == ["2.00 to 3.50 hours", hidden, "-", "6.50 to 8.00 hours", "-"]
    assert other == ["-", "-", "5.00 to 6.50 hours", "0 hours", "-"]
    assert hidden not in names_of(*dose_classes(MEMBERS, TREATED, DOSE.iloc[[0, 2, 3]], CELLS, 5))[0]


def test_each_shift_of_a_dose_has_maps_of_its_own():
    members = [MEMBERS[0], MEMBERS[0]]
    rows = DOSE.iloc[:2].assign(place=["early", "late"], treated_hours=[2.0, 8.0], suppressed=False, number=[0, 1])
    places = {"early": MEMBERS[0], "late": MEMBERS[0]}
    panels, classes = dose_classes(members, TREATED[:1].repeat(2, 0), rows, places, 5, {"day": [0], "night": [1]})
    given = dict(zip(panels, names_of(panels, classes), strict=True))
    assert given["day, in periods with treatment"][0] == "2.00 to 3.50 hours"
    assert given["night, in periods with treatment"][0] == "6.50 to 8.00 hours"


def test_hours_of_a_unit_are_those_of_its_cells():
    units = dict(zip("abc", MEMBERS, strict=True))
    given, _ = names_of(*dose_classes(MEMBERS, TREATED, DOSE.iloc[:1], units, 5))
    assert given == ["2.00 hours", "2.00 hours", "-", "0 hours", "-"]


def test_the_event_study_draws_the_table_and_marks_the_reference(tmp_path):
    figure = plot_event_study(STUDY, "4 weeks", "simulated")
    (axes,) = figure.axes
    drawn = [(*line.get_xdata(), *line.get_ydata()) for line in axes.get_lines() if len(line.get_xdata()) == 1]
    assert (-2.0, 1.1) in drawn
    assert (0, 1) in drawn
    ends = [path.vertices.tolist() for bars in axes.collections for path in bars.get_paths()]
    np.testing.assert_allclose(ends, [[[-2, 0.8], [-2, 1.5]], [[1, 0.5], [1, 0.9]], [[2, 0.01], [2, 40.0]]])
    assert axes.get_ylim()[0] > 0.1  # one wide interval does not flatten the others
    assert figure.get_suptitle() == "SIMULATED"
    facts = {"event_study_span": "4 weeks"}
    file = draw_event_study(STUDY, facts, tmp_path)
    assert "excludes 1 in 0 of 1 spans before the trial, and in 1 of 2" in file.alt
    assert file.caption.endswith("Spans with too few events: 1.")
    assert draw_event_study(STUDY.assign(low=NAN), facts, tmp_path) is None
