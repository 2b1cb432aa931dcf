"""Checks of a matrix: codes, scale, evidence, two scorers, members; messages name rows and repeat no label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.matrix import GroupMatrix
from ilp_models.strategy.groups.matrix_file import COLUMNS, read_group_file
from tests.strategy.group_files import SCORES, SMALL, matrix_of, plain_scheme, rows_of, write_matrix


def read(folder, rows=None, scheme=SMALL, **how):
    return GroupMatrix.from_file(read_group_file(write_matrix(folder, rows, **how)), scheme)


def changed(row, **cells):
    """Return all rows with cells of one row changed."""
    rows = rows_of()
    for name, text in cells.items():
        rows[row][COLUMNS.index(name)] = text
    return rows


def test_a_matrix_by_hand(tmp_path):
    matrix = read(tmp_path)
    assert matrix.groups == ("G01", "G02", "G03")
    assert matrix.members == {"G01": 5, "G02": 5, "G03": 5}
    assert matrix.score_range("G01") == (3 * 4 + 2, 3 * 4 + 4)  # scorers differ in reach
    assert matrix.score_range("G02") == (3, 3 + 4)  # reach is not known
    assert matrix.score_range("G03") == (1, 1)
    np.testing.assert_array_equal(matrix.scores("G02"), [[1, np.nan], [1, np.nan]])
    table = matrix.to_frame()
    assert len(table) == 12
    assert table["points"].isna().sum() == 2
    assert set(table["source"]) == {"B2 R-14", ""}


def test_order_of_rows_and_case_of_words_change_nothing(tmp_path):
    rows = [[cell if at in (0, 2, 5) else cell.upper() for at, cell in enumerate(row)] for row in rows_of()]
    assert read(tmp_path, rows[::-1], name="other.csv").digest() == read(tmp_path).digest()
    assert read(tmp_path, changed(0, score="low")).digest() != read(tmp_path, name="third.csv").digest()


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.sampled_from([None, 0, 1, 2, 4]), min_size=2, max_size=2), min_size=2, max_size=3), st.data()
)
def test_knowing_more_never_widens_the_range(scorers, data):
    scheme = plain_scheme([3, 1])
    before = matrix_of(scheme, [scorers]).score_range("G01")
    at, value = data.draw(st.integers(0, 1)), data.draw(st.sampled_from([0, 1, 2, 4]))
    if not all(row[at] is None for row in scorers):
        value = next(row[at] for row in scorers if row[at] is not None)
    known = [[value if place == at else one for place, one in enumerate(row)] for row in scorers]
    after = matrix_of(scheme, [known]).score_range("G01")
    assert before[0] <= after[0] <= after[1] <= before[1]


@pytest.mark.parametrize(
    "label",
    [
        "John Smith", "Hoxha", "the Hoxha family", "Albanians", "Roma", "Hells Angels", "MS13", "JS1", "AL1", "ALB01",
        "IRA01", "ROM01", "G", "01", "g01", "G0001", "G 01", "G-01", "=G01", "G01\u200b", "\uff2701", "\u041301", "",
        "OCG", "OCG0123",
    ],
)  # fmt: skip
def test_labels_that_could_name_anyone_are_no_codes_and_are_not_repeated(tmp_path, label):
    with pytest.raises(InputError, match="row 14: the group is not a code") as caught:
        read(tmp_path, changed(0, group=label))
    assert len(label) < 4 or label not in str(caught.value)
    with pytest.raises(InputError, match="row 14: the scorer is not a code") as caught:
        read(tmp_path, changed(0, scorer="Anna Novak" if label == "" else label.replace("S1", "XX")))
    assert "Novak" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["G", "X", "OCG", "GRP", "NET"])
def test_codes_pass_if_all_have_the_same_letters(tmp_path, prefix):
    rows = [[row[0].replace("G", prefix), *row[1:]] for row in rows_of()]
    assert read(tmp_path, rows).groups == (f"{prefix}01", f"{prefix}02", f"{prefix}03")
    mixed = [["H" + row[0][1:] if row[0] == "G01" else row[0], *row[1:]] for row in rows_of()]
    with pytest.raises(InputError, match="codes of the groups begin with different letters"):
        read(tmp_path, mixed)
    initials = [[*row[:2], row[2].replace("S2", "A2"), *row[3:]] for row in rows_of()]
    with pytest.raises(InputError, match="codes of the scorers begin with different letters"):
        read(tmp_path, initials)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"score": "very high"}, r"row 14: the score is not on the scale \(nil, low, medium, high, or unknown\)"),
        ({"score": "4"}, "row 14: the score is not on the scale"),
        ({"score": "nan"}, "row 14: the score is not on the scale"),
        ({"score": ""}, "row 14 has no score"),
        ({"confidence": "certain"}, "row 14: the confidence is not one of low, medium, high"),
        ({"confidence": ""}, "row 14: the confidence is not one of"),
        ({"source": ""}, "row 14: the score has no source"),
        ({"source": "..."}, "row 14: the score has no source"),
        ({"source": "x" * 201}, "row 14: the source has 201 characters"),
        ({"attribute": "violense"}, "row 14: the scheme two_marks has no such attribute .did you mean 'violence'"),
        ({"members_known_at_least": "few"}, "row 14: members_known_at_least is not a whole number"),
        ({"members_known_at_least": "-4"}, "row 14: members_known_at_least is not a whole number"),
        ({"members_known_at_least": "6"}, r"group G01 has several numbers of members, \[5, 6\]"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, cells, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, changed(0, **cells))


def test_a_group_below_the_declared_minimum_is_refused(tmp_path):
    with pytest.raises(InputError, match="group G01 has 2 known members, and min_members is 3"):
        read(tmp_path, rows_of(members=2))
    assert read(tmp_path, rows_of(members=3)).members["G01"] == 3


def test_one_scorer_is_not_enough(tmp_path):
    alone = {**SCORES, "G02": {"S1": ("low", "low")}}
    with pytest.raises(InputError, match="group G02 has one scorer, S1"):
        read(tmp_path, rows_of(alone))


def test_scorers_who_differ_in_attributes_are_named(tmp_path):
    with pytest.raises(InputError, match="the scorers of group G03 differ in attributes: S2 lacks reach"):
        read(tmp_path, rows_of()[:-1])


def test_two_rows_for_one_judgement_are_refused(tmp_path):
    with pytest.raises(InputError, match="rows 14 and 26 both score violence of group G01 by S1"):
        read(tmp_path, [*rows_of(), rows_of()[0]])


def test_too_many_groups_are_refused():
    with pytest.raises(InputError, match="has 201 groups"):
        matrix_of(plain_scheme([1]), [[[1], [1]]] * 201)
