import math

import pytest

from ilp_models.description.near_repeats import NearRepeats
from ilp_models.description.repeat_bands import RepeatBands
from ilp_models.domain.errors import InputError


def test_labels_say_where_bands_begin_and_end():
    bands = RepeatBands((100.0, 250.0), (1, 8, 15), 0.5)
    assert bands.edges_m.tolist() == [0.5, 100, 250]
    assert bands.first_distance_bands == 2
    labels = ["same place (under 0.5 m)", "0.5 to under 100 m", "100 to under 250 m", "250 m or more"]
    assert [one[0] for one in bands.distances] == labels
    assert [one[1] for one in bands.distances] == [0, 0.5, 100, 250]
    assert bands.days[:3] == [("same day", 0, 0), ("1 to 7 days", 1, 7), ("8 to 14 days", 8, 14)]
    assert bands.days[3][0] == "15 days or more"
    assert math.isnan(bands.days[3][2])


def test_without_a_band_of_the_same_place_the_first_band_begins_at_no_distance():
    bands = RepeatBands((100.0,), (1, 2), 0.0)
    assert [one[0] for one in bands.distances] == ["under 100 m", "100 m or more"]
    assert bands.first_distance_bands == 1
    assert [one[0] for one in bands.days] == ["same day", "1 day", "2 days or more"]


@pytest.mark.parametrize(
    ("distances", "days", "same", "words"),
    [
        ((200.0, 100.0), (1,), 0.5, "distance_bands_m="),
        ((), (1,), 0.5, "distance_bands_m="),
        ((True,), (1,), 0.5, "distance_bands_m="),
        ((100.0,), (1, 1), 0.5, "day_bands="),
        ((100.0,), (1.5,), 0.5, "day_bands="),
        ((100.0,), (0,), 0.5, "day_bands="),
        ((100.0,), (1,), 100.0, "same_place_m=100.0 must be at least 0 and below the first band, 100 m"),
        ((100.0,), (1,), -1.0, "same_place_m="),
    ],
)
def test_bands_that_overlap_are_refused(distances, days, same, words):
    with pytest.raises(InputError, match=words):
        RepeatBands(distances, days, same)


def test_labels_say_exactly_what_is_counted():
    bands = NearRepeats(distance_bands_m=(100, 250), day_bands=(1, 2, 3, 7)).bands
    assert [label for label, _, _ in bands.distances] == [
        *("same place (under 0.5 m)", "0.5 to under 100 m", "100 to under 250 m", "250 m or more"),
    ]
    assert [label for label, _, _ in bands.days] == ["same day", "1 day", "2 days", "3 to 6 days", "7 days or more"]
    weekly = NearRepeats(same_place_m=0, day_bands=(7,)).bands
    assert weekly.distances[0][0] == "under 200 m"
    assert [label for label, _, _ in weekly.days] == ["0 to 6 days", "7 days or more"]
