import pytest

from ilp_models.domain.errors import StorageError
from ilp_models.report.audit.drafts import OPEN, count_open_fields, escape_markdown


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\nb", "a b"),
        ("# title", r"\# title"),
        ("1. first", r"1\. first"),
        ("1.45", "1.45"),
        ("a|b", r"a\|b"),
        ("![x](http://y)", r"!\[x\](http://y)"),
        ("a\u202eb\x00c", "a b c"),
        ("&amp;", "&amp;amp;"),
        (f"[{OPEN}: x]", rf"\[{OPEN}: x\]"),
    ],
)
def test_labels_are_escaped(given, shown):
    assert escape_markdown(given) == shown


def test_data_that_looks_like_an_open_field_is_not_counted(tmp_path):
    path = tmp_path / "draft.md"
    path.write_text(f"[{OPEN}: one] {escape_markdown(f'[{OPEN}: two]')}", encoding="utf-8")
    assert count_open_fields(path) == 1


def test_a_missing_draft_is_an_error(tmp_path):
    with pytest.raises(StorageError, match=r"gone\.md cannot be read"):
        count_open_fields(tmp_path / "gone.md")
