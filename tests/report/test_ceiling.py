import pytest

from ilp_models.report.ceiling import ceiling_notes
from tests.report.comparison_evidence import scores_of, skills_of

MEASURED = {"ewma": (0.25, 0.28), "glm": (0.20, 0.30), "ceiling (glm)": (0.19, None), "oracle": (0.01, 0.8)}


def notes_of(ceiling, **ends):
    scores = scores_of(MEASURED | {"ceiling (glm)": (ceiling, None)})
    skill = skills_of(scores)
    return ceiling_notes(scores, skill.assign(**{end: skill["skill"] + wide for end, wide in ends.items()}), "ewma")


def test_the_ceiling_comes_first_and_poisson_last_as_a_note():
    first, last = notes_of(0.19)
    assert first.startswith(
        "Ceiling: if the expected counts and the dispersions of glm were right, its skill over ewma"
    )
    assert "+24.00\N{NO-BREAK SPACE}% [+24.00" in first  # 1 - 0.19 / 0.25
    assert last.startswith("If counts were Poisson, the ceiling would be +28.00\N{NO-BREAK SPACE}%.")  # 1 - 0.18 / 0.25


@pytest.mark.parametrize(
    ("high", "words"),
    [
        (0.08, "within what chance allows: glm."),
        (0.01, "The counts scatter less than glm expects, its totals are too high, or a forecast knew the counts."),
    ],
)
def test_a_forecaster_above_the_ceiling_is_named_with_what_chance_allows(high, words):
    _, middle, _ = notes_of(0.2125, low=-0.08, high=high)  # the ceiling has a skill of 0.15 and glm one of 0.20
    assert words in middle


def test_without_a_ceiling_there_is_no_note():
    scores = scores_of({"ewma": (0.25, 0.28)})
    assert ceiling_notes(scores, skills_of(scores), "ewma") == ()
