"""The bundled example, the template, and the way from one to the other."""

from datetime import UTC, datetime
from importlib.resources import files

import pytest

import ilp_models as ilp
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.group_matrix import group_template, read_group_matrix
from ilp_models.strategy.groups.matrix_file import COLUMNS, read_group_file
from tests.strategy.group_files import FIELDS, SMALL, rows_of, write_matrix

EXAMPLE = files("ilp_models.strategy.groups").joinpath("example")


def test_the_two_example_files_hold_the_same_matrix():
    sheet = read_group_matrix(str(EXAMPLE.joinpath("groups.xlsx")))
    assert sheet.digest() == read_group_matrix("example").digest()
    assert sheet.groups == ("G01", "G02", "G03", "G04", "G05", "G06")
    assert {len(scorers) for scorers in sheet.by_group.values()} == {2, 3}
    assert "made up" in sheet.authorisation.authorised_by


@pytest.mark.slow
@pytest.mark.parametrize("name", ["groups.xlsx", "groups.csv"])
def test_a_template_that_is_filled_in_can_be_read(tmp_path, name):
    template = group_template(SMALL)
    (tmp_path / "empty").mkdir()
    empty = template.write(tmp_path / "empty" / name)
    with pytest.raises(InputError, match="authorisation lacks authorised_by"):
        read_group_matrix(empty, scheme=SMALL)
    blank = read_group_file(empty)
    assert len(blank.rows) == 3 * 2 * 2
    assert {cells[COLUMNS.index("score")] for _, cells in blank.rows} == {""}
    filled = template.write(tmp_path / name, FIELDS, rows_of())
    matrix = read_group_matrix(filled, scheme=SMALL)
    assert matrix.digest() == read_group_matrix(write_matrix(tmp_path, name="by_hand.csv"), scheme=SMALL).digest()


@pytest.mark.parametrize(
    "scale", [[1, 10, 0.5], {"no": 0, "very high": 0.25, "yes": 1}, {"no\u200b": 0, "yes": "1e-7"}]
)
def test_a_csv_template_declares_scale_and_weight_and_is_refused_under_another_scheme(tmp_path, scale):
    marks = [
        {"name": "violence", "definition": "Uses violence.", "weight": "2.123456789012"},
        {"name": "reach", "definition": "Works in several areas.", "weight": 1},
    ]
    scheme = ilp.GroupScheme("ours", marks, scale)
    rows = rows_of(dict.fromkeys(("G01", "G02"), dict.fromkeys(("S1", "S2"), ("unknown", "unknown"))), scheme)
    path = group_template(scheme).write(tmp_path / "groups.csv", FIELDS, rows)
    assert read_group_matrix(path, scheme=scheme).groups == ("G01", "G02")
    heavier = ilp.GroupScheme("ours", [{**marks[0], "weight": 3}, marks[1]], scale)
    with pytest.raises(
        InputError, match=r"groups\.csv, row 14: the weight of violence is not 3, as in the scheme ours"
    ):
        read_group_matrix(path, scheme=heavier)
    with pytest.raises(InputError, match=r"groups\.csv, row 14: the scale of violence is not nil=0, low=1"):
        read_group_matrix(path, scheme=ilp.GroupScheme("ours", marks))


def test_a_half_filled_template_names_the_first_empty_cell(tmp_path):
    path = group_template(SMALL).write(tmp_path / "groups.xlsx", FIELDS)
    with pytest.raises(InputError, match="row 2: members_known_at_least is not a whole number"):
        read_group_matrix(path, scheme=SMALL)


def test_an_expired_file_is_refused(tmp_path):
    path = write_matrix(tmp_path, fields={**FIELDS, "review_date": "2020-01-01"})
    with pytest.raises(InputError, match="review_date 2020-01-01 is past"):
        read_group_matrix(path, scheme=SMALL)


def test_a_matrix_is_not_assessed_after_its_authorisation_ended(tmp_path, monkeypatch):
    matrix = read_group_matrix(write_matrix(tmp_path), scheme=SMALL)
    assessment = ilp.assess_groups(matrix, ranking=ilp.RankDraws(1000))
    monkeypatch.setattr("ilp_models.pipeline.group_assessment.now", lambda: datetime(2099, 6, 30, tzinfo=UTC))
    with pytest.raises(InputError, match="review_date 2099-06-30 is past"):
        ilp.assess_groups(matrix, ranking=ilp.RankDraws(1000))
    with pytest.raises(InputError, match="review_date 2099-06-30 is past"):
        ilp.write_group_assessment(assessment, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_matrix_of_another_scheme_is_refused(tmp_path):
    other = ilp.GroupScheme("other", [{"name": "violence", "definition": "Uses violence.", "weight": 1}])
    with pytest.raises(InputError, match="row 15: the scheme other has no such attribute"):
        read_group_matrix(write_matrix(tmp_path, rows_of()), scheme=other)
