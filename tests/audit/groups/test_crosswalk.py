import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.groups.crosswalk import Crosswalk
from ilp_models.domain.errors import InputError

COUNTS = pd.DataFrame({"a": [10.0, 20.0, 40.0]}, index=["N1", "N2", "N3"])


@pytest.fixture
def crosswalk(tmp_path):
    """Write pairs of a published area and an area of the grid, with or without weights."""

    def write(*pairs, **settings):
        columns = ["published", "grid", "weight"][: len(pairs[0])]
        pd.DataFrame(pairs, columns=columns).to_csv(tmp_path / "pairs.csv", index=False)
        return Crosswalk(str(tmp_path / "pairs.csv"), weight=columns[2] if len(columns) == 3 else None, **settings)

    return write


def test_without_a_file_names_stay_the_same():
    assert Crosswalk().convert(COUNTS) is COUNTS


def test_names_change_and_merged_areas_are_summed(crosswalk):
    made = crosswalk(("N1", "one"), ("N2", "both"), ("N3", "both"), ("N9", "elsewhere"))
    assert made.convert(COUNTS)["a"].to_dict() == {"one": 10, "both": 60}
    assert made.convert(COUNTS, squared=True)["a"].to_dict() == pytest.approx({"one": 10, "both": np.hypot(20, 40)})


def test_divided_areas_are_distributed_by_weights(crosswalk):
    made = crosswalk(("N1", "w", 1), ("N2", "w", 1), ("N3", "x", 0.25), ("N3", "y", 0.75))
    assert made.convert(COUNTS)["a"].to_dict() == {"w": 30, "x": 10, "y": 30}
    rounded = crosswalk(("N1", "w", 1), ("N2", "w", 1), ("N3", "x", 0.333), ("N3", "y", 0.333), ("N3", "z", 0.333))
    assert rounded.convert(COUNTS)["a"].sum() == pytest.approx(70)


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([("N1", "one"), ("N2", "two")], r"1 of 3 published areas are not in the crosswalk .* such as 'N3'"),
        ([("N1", "o"), ("N2", "t"), ("N3", "x"), ("N3", "y")], r"divides 1 areas, such as 'N3'.*crosswalk\.weight"),
        ([("N1", "o", 1), ("N2", "t", 1), ("N3", "x", 0.4), ("N3", "y", 0.4)], "weights of 'N3' sum to 0.8"),
        ([("N1", "o", 1), ("N2", "t", -1), ("N3", "x", 1)], "weights of 'N2' sum to -1"),
        ([("N1", "o", 1), ("N2", "t", ""), ("N3", "x", 1)], "weights of 'N2' sum to nan"),
        ([("N1", "o"), ("N2", ""), ("N3", "x")], "has an empty name in row 2"),
        ([("N1", "o"), ("N2", "t"), ("N3", "t"), ("N4", "t")], "1 areas of the grid lack a part: 't' includes 'N4'"),
    ],
)
def test_a_crosswalk_that_would_lose_residents_is_refused(crosswalk, pairs, words):
    with pytest.raises(InputError, match=words):
        crosswalk(*pairs).convert(COUNTS)


def test_a_missing_column_or_file_is_refused(crosswalk):
    with pytest.raises(InputError, match=r"lacks the columns \['old'\] \(columns: \['published', 'grid'\]\)"):
        crosswalk(("N1", "o"), published="old").convert(COUNTS)
    with pytest.raises(InputError, match=r"crosswalk\.path=nowhere\.csv: there is no such file"):
        Crosswalk("nowhere.csv")
