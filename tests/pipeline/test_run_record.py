import json

import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline import run_record
from ilp_models.pipeline.run_record import read_record


def record_of(folder, text):
    (folder / "a.json").write_text(text)
    return read_record(folder, "a.json")


def test_a_record_is_read_with_its_facts(tmp_path):
    record = record_of(tmp_path, json.dumps({"facts": {"city": "Here"}, "rows": [1]}))
    assert record.facts == {"city": "Here"}
    assert record.path == tmp_path / "a.json"
    assert record.read(lambda content: content["rows"][0]) == 1
    assert record_of(tmp_path, '{"city": "Here"}').facts == {"city": "Here"}
    assert record_of(tmp_path, '{"facts": 3}').facts == {}


def test_numbers_that_are_not_finite_are_unknown(tmp_path):
    assert record_of(tmp_path, '{"a": NaN, "b": -Infinity, "c": 1e999, "d": 1.5}').content == {
        "a": None,
        "b": None,
        "c": None,
        "d": 1.5,
    }


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", "3", "[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path, text):
    with pytest.raises(InputError, match=r"a\.json (cannot be read|is not the record of a run)"):
        record_of(tmp_path, text)


def test_missing_large_and_linked_files_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot be read"):
        read_record(tmp_path, "a.json")
    (tmp_path / "run").mkdir()
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "run" / "a.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_record(tmp_path / "run", "a.json")
    monkeypatch.setattr(run_record, "_LARGEST", 5)
    with pytest.raises(InputError, match="is larger than"):
        record_of(tmp_path, '{"a": 1}')


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda content: content["b"], "no field 'b'"),
        (lambda content: content["a"]["b"], "a field of another kind"),
        (lambda _: int("x"), "a field of another kind"),
    ],
)
def test_a_field_that_is_missing_or_of_another_kind_is_named(tmp_path, make, fault):
    with pytest.raises(InputError, match=fault):
        record_of(tmp_path, '{"a": 1}').read(make)
