"""The empty workbook: lists of allowed values, whole numbers of members, and no formula from a scheme."""

import re
from zipfile import ZipFile

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.export.group_template import GroupTemplate

MARKS = (("violence", "harm", "3", "=HYPERLINK(1)"), ("reach", "", "1", "Works in several areas."))


@pytest.fixture
def template():
    return GroupTemplate(
        fields={"purpose": "What for.", "recipients": "Who."},
        columns=("group", "members_known_at_least", "scorer", "attribute", "score", "source", "confidence"),
        sheets=("authorisation", "scores", "scheme", "lists"),
        attributes=MARKS,
        scale="nil=0, low=1, high=4",
        scores=("nil", "low", "high", "unknown"),
        confidences=("low", "medium", "high"),
        smallest=3,
    )


def test_cells_offer_lists_and_whole_numbers(template, tmp_path):
    with ZipFile(template.write(tmp_path / "groups.xlsx")) as archive:
        sheet = archive.read("xl/worksheets/sheet2.xml").decode()
        others = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml"))
    found = dict(re.findall(r'sqref="([A-G])2:[A-G]5001"><formula1>(.*?)</formula1>', sheet))
    assert found == {"B": "3", "D": "scheme!$A$2:$A$3", "E": "lists!$A$2:$A$5", "G": "lists!$B$2:$B$4"}
    assert 'type="whole"' in sheet
    assert "<f>" not in others  # no cell is a formula


def test_a_csv_file_has_no_formula(template, tmp_path):
    rows = [("G01", 5, "S1", "reach", "low", "=1+1", "low")]
    text = template.write(tmp_path / "groups.csv", {"purpose": "@cmd"}, rows).read_text(encoding="utf-8-sig")
    assert text.splitlines() == [
        "field,value",
        "purpose,'@cmd",
        "recipients,",
        "",
        "attribute,scale,weight",
        'violence,"nil=0, low=1, high=4",3',
        'reach,"nil=0, low=1, high=4",1',
        "",
        "group,members_known_at_least,scorer,attribute,score,source,confidence",
        "G01,5,S1,reach,low,'=1+1,low",
    ]


@pytest.mark.parametrize("name", ["groups.ods", "groups", "groups.xlsx.txt"])
def test_other_formats_are_refused(template, tmp_path, name):
    with pytest.raises(InputError, match=r"must end in \.xlsx or \.csv"):
        template.write(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_link_or_folder_of_that_name_is_not_followed(template, tmp_path):
    (tmp_path / "groups.csv").symlink_to(tmp_path / "elsewhere.csv")
    (tmp_path / "groups.xlsx").mkdir()
    for name in ("groups.csv", "groups.xlsx"):
        with pytest.raises(InputError, match="exists already"):
            template.write(tmp_path / name)
    assert not (tmp_path / "elsewhere.csv").exists()


def test_a_file_system_without_links_gets_the_same_file(template, tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    first = template.write(tmp_path / "one.csv").read_bytes()
    monkeypatch.setattr("os.link", refuse)
    assert template.write(tmp_path / "two.csv").read_bytes() == first
    with pytest.raises(InputError, match="exists already"):
        template.write(tmp_path / "two.csv")
