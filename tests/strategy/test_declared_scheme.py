"""A file that declares another scale or weight than the scheme is refused with row, column and way out."""

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.declared_scheme import check_declared
from ilp_models.strategy.groups.matrix import GroupMatrix
from ilp_models.strategy.groups.matrix_file import read_group_file
from ilp_models.strategy.groups.scheme import GroupScheme
from tests.strategy.group_files import SMALL, write_matrix

SCALE = "nil=0, low=1, medium=2, high=4"
RIGHT = [("violence", SCALE, "3"), ("reach", SCALE, "1")]


def declare(folder, rows, scheme=SMALL, **how):
    return GroupMatrix.from_file(read_group_file(write_matrix(folder, declared=rows, **how)), scheme)


@pytest.mark.parametrize(
    "rows",
    [
        RIGHT,
        RIGHT[::-1],
        [("Violence", "NIL = 0, low=1,medium=2,high=4", "3,0"), ("reach", SCALE, "1.00")],
    ],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_declared_scheme_that_is_the_same_changes_nothing(tmp_path, rows, separator):
    earlier = GroupMatrix.from_file(read_group_file(write_matrix(tmp_path, name="earlier.csv")), SMALL)
    assert declare(tmp_path, rows, separator=separator).digest() == earlier.digest()


@pytest.mark.parametrize(
    ("rows", "what", "change"),
    [
        (
            [("violence", SCALE, "5"), RIGHT[1]],
            r"groups.csv, row 14: the weight of violence is not 3, as in the scheme two_marks\.",
            "write '3' in the column weight",
        ),
        ([RIGHT[0], ("reach", SCALE, "")], "row 15: the weight of reach is not 1", "write '1' in the column weight"),
        ([RIGHT[0], ("reach", SCALE, "John Smith")], "row 15: the weight of reach is not 1", "write '1'"),
        (
            [("violence", "nil=0, low=1, high=4", "3"), RIGHT[1]],
            "row 14: the scale of violence is not nil=0, low=1, medium=2, high=4",
            f"write '{SCALE}' in the column scale",
        ),
        ([("violence", "nil=0, low=1, medium=3, high=4", "3"), RIGHT[1]], "row 14: the scale", "in the column scale"),
        ([("violence", "1 to 10 in steps of 1", "3"), RIGHT[1]], "row 14: the scale", "in the column scale"),
        ([RIGHT[0], ("reech", SCALE, "1")], r"row 15: .* no such attribute \(did you mean 'reach'", "delete the row"),
        (
            [*RIGHT, ("John Smith", SCALE, "1")],
            r"row 16: the scheme two_marks has no such attribute\.",
            "delete the row",
        ),
        ([*RIGHT, RIGHT[0]], "rows 14 and 16 both declare violence", "Keep one of them"),
        (RIGHT[:1], "the declared scheme lacks reach of the scheme two_marks", "add a row for each"),
        ([], "lacks violence, reach", "add a row for each"),
    ],
)
def test_another_scheme_is_refused_with_row_column_and_way_out(tmp_path, rows, what, change):
    with pytest.raises(InputError, match=what) as caught:
        declare(tmp_path, rows)
    assert change in str(caught.value)
    assert "Smith" not in str(caught.value)
    assert "both" in str(caught.value) or "scheme=NAME" in str(caught.value)


def test_a_weight_with_many_digits_and_a_scale_of_numbers_are_compared_exactly():
    marks = [{"name": "violence", "definition": "Uses violence.", "weight": "1.23456789"}]
    scheme = GroupScheme("fine", marks, scale=[1, 10, 0.5])
    check_declared([(2, ("violence", "1 to 10 in steps of 0.5", "1.23456789"))], scheme, "x")
    with pytest.raises(InputError, match=r"row 2: the weight of violence is not 1\.23456789"):
        check_declared([(2, ("violence", "1 to 10 in steps of 0.5", "1.23457"))], scheme, "x")
    with pytest.raises(InputError, match=r"row 2: the scale of violence is not 1 to 10 in steps of 0\.5"):
        check_declared([(2, ("violence", "1 to 10 in steps of 1", "1.23456789"))], scheme, "x")
