"""Schemes and files of groups that name persons, families, ethnic groups, religions or nations are refused."""

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.group_screening import personal_in_reference, screen_file, screen_scheme
from ilp_models.strategy.groups.matrix_file import COLUMNS, read_group_file
from ilp_models.strategy.groups.scheme import GroupScheme
from tests.strategy.group_files import FIELDS, rows_of, write_matrix


@pytest.mark.parametrize(
    "source",
    [
        "John Smith, source 4",
        "told by Agim Hoxha on Monday",
        "report of A. Hoxha",
        "J.R. Smith 12",
        "call to +355 69 123 4567",
        "agim@example.org",
        "12 Mill Road",
        "seen at 14 High Street",
        "SSN 123-45-6789",
        "Mr Zdravkovski",
        "alias Gjarpri",
        "Smith, John",
        "1980-02-01",
    ],
)
def test_sources_that_name_persons_are_refused_and_not_repeated(tmp_path, source):
    rows = rows_of()
    rows[3][COLUMNS.index("source")] = source
    with pytest.raises(InputError, match="row 17: the source holds what looks like") as caught:
        screen_file(read_group_file(write_matrix(tmp_path, rows)))
    assert source not in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "B2 R-2026-014",
        "A1 report 514",
        "customs seizure 2026/33",
        "E3, border police bulletin 12",
        "file 7 B 12",
        "",
    ],
)
def test_references_pass(source):
    assert personal_in_reference(source) is None


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"purpose": "find Maria Rossi"}, "purpose"),
        ({"legal_basis": "order against J. Smith"}, "legal_basis"),
    ],
)
def test_purpose_and_legal_basis_name_no_person(tmp_path, fields, name):
    with pytest.raises(InputError, match=f"{name} holds what looks like names of persons"):
        screen_file(read_group_file(write_matrix(tmp_path, fields={**FIELDS, **fields})))


@pytest.mark.parametrize("name", ["John Smith.csv", "john_smith.csv", "suspects.csv", "offenders_2026.csv"])
def test_file_names_of_persons_are_refused_and_not_repeated(tmp_path, name):
    with pytest.raises(InputError, match="has a file name that looks like personal data") as caught:
        screen_file(read_group_file(write_matrix(tmp_path, name=name)))
    assert name not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "ethnicity", "nationality", "religion", "family ties", "clan", "Roma members", "age of leader", "migrants",
        "name of suspect", "muslim", "gender", "country of origin",
    ],
)  # fmt: skip
def test_attributes_of_persons_and_of_origin_are_refused(name):
    for mark in (
        {"name": name, "definition": "Anything.", "weight": 1},
        {"name": "violence", "definition": "Anything.", "weight": 1, "component": name},
    ):
        with pytest.raises(InputError, match="is about persons, families, ethnic groups, religions or nations"):
            screen_scheme(GroupScheme("s", [mark]))


def test_a_definition_that_names_a_person_is_refused():
    with pytest.raises(InputError, match="is about persons"):
        screen_scheme(GroupScheme("s", [{"name": "reach", "definition": "As John Smith does.", "weight": 1}]))


def test_the_example_scheme_passes():
    screen_scheme(GroupScheme())
