import pytest

from ilp_models.data.suggestions.preview import read_preview
from ilp_models.domain.errors import InputError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2021-01-04,Theft,43.6\n2021-01-05,Theft,43.7\n", "does not look like the names of columns"),
        ("a\n1\n", "does not look like the names of columns"),
        ("a,b,c\n1,2\n", "no record has as many fields as the header"),
    ],
)
def test_a_file_without_a_usable_header_is_refused(tmp_path, text, message):
    path = tmp_path / "export.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_preview(str(path), None, None)


def test_columns_of_personal_data_and_columns_of_one_file_only_are_not_read(tmp_path):
    (tmp_path / "a.csv").write_text("when;what;VIC_AGE;ward\n2021-01-04;Theft;34;1\n")
    (tmp_path / "b.csv").write_text("what;when;VIC_AGE\nArson;2021-01-05;35\n")
    found = read_preview([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], None, None)
    assert found.header == ("when", "what")
    assert found.person_columns == ("VIC_AGE",)
    assert found.table.to_dict("list") == {"when": ["2021-01-04", "2021-01-05"], "what": ["Theft", "Arson"]}
