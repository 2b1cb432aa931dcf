import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.description import DescribedPart
from ilp_models.report import hot_spot_view as view
from ilp_models.report.hot_spot_view import hot_spot_sentences, repeat_sentences

SPOTS = {
    "periods": 12,
    "period_length": "one month",
    "types_tested": 2,
    "hot_spots": 14,
    "compared_with": "the month before",
    "hot_spots_new": 3,
    "hot_spots_lasting": 11,
    "hot_spots_gone": 2,
}


def spots(**facts):
    return list(hot_spot_sentences(DescribedPart("hot_spots", {}, SPOTS | facts, ("too few days",))))


def repeats(**facts):
    return list(repeat_sentences(DescribedPart("near_repeats", {}, facts)))


def test_hot_spots_are_counted_with_their_changes():
    assert spots() == [
        "14 significant hot spots in the last month. Against the month before, 3 are new, 11 lasting and 2 gone."
    ]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"periods": 0}, "too few days"),
        ({"types_tested": 0, "period_length": "28 days"}, "Hot spots are not tested in the last 28 days"),
        ({"compared_with": ""}, "14 significant hot spots in the last month. There is no earlier period"),
    ],
)
def test_what_could_not_be_tested_is_said(facts, text):
    (found,) = spots(**facts)
    assert found.startswith(text)


def test_near_repeats_that_are_not_tested_or_not_found_are_said():
    assert repeats(types_tested=0)[0].startswith("Near repeats are not tested")
    assert repeats(types_tested=2) == ["Near repeats: none beyond the same day, for any crime type."]


def test_bands_are_a_matrix_in_which_a_word_marks_near_repeats():
    rows = pd.DataFrame(
        {
            "distance": ["near", "near", "far"],
            "days": ["same day", "1 to 7 days", "same day"],
            "days_to": [0.0, 7.0, 0.0],
            "ratio": [2.5, 1.0, 1.1],
            "observed": [25, 10, 11],
            "expected": [10.0, 10.0, 10.0],
            "near_repeat": [True, False, False],
            "q": [0.01, 0.5, np.nan],
        }
    )
    found = view._bands(rows)
    assert found["days"] == ["same day", "1 to 7 days"]
    ((distance, (first, second)),) = found["rows"]
    assert distance == "near"
    assert (first["word"], second["word"]) == ("near repeat", "")
    assert first["pairs"] == "25 / 10.0"
    assert view._latest(rows) == 1
    assert view._latest(rows.assign(near_repeat=[True, True, False])) == 2
    assert view._latest(rows.assign(near_repeat=False)) == 0
