import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import InputError
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.forecast_seal import (
    SEALED,
    STATED,
    UNSEALED,
    file_digest,
    manifest_of,
    read_seal,
    seal_forecasts,
)

LATER, EARLIER = datetime(2999, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path):
    """Return a file of forecasts."""
    (tmp_path / "rival.csv").write_text("cell,expected\na,1\n")
    return tmp_path / "rival.csv"


def stated(path, **changes):
    facts = {"file": path.name, "sha256": file_digest(path), "made_at": "2020-01-05T08:00:00+00:00"} | changes
    manifest_of(path).write_text(json.dumps({name: value for name, value in facts.items() if value is not None}))
    return read_seal(path, LATER, None)


def test_a_line_of_the_register_before_the_cutoff_seals_a_file(path, tmp_path):
    register = Register(tmp_path / "register.jsonl")
    assert seal_forecasts(path, register=register, author="Team A") == tmp_path / "rival.csv.manifest.json"
    seal = read_seal(path, LATER, register)
    assert (seal.state, seal.author) == (SEALED, "Team A")
    assert seal.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_seal(path, LATER, None).state == STATED
    assert read_seal(path, EARLIER, register).state == UNSEALED


def test_a_file_alone_is_not_sealed(path):
    assert read_seal(path, LATER, None).state == UNSEALED


def test_a_file_that_was_changed_after_its_manifest_is_refused(path):
    seal_forecasts(path)
    path.write_text("cell,expected\na,2\n")
    with pytest.raises(InputError, match="The file was changed after the manifest was made"):
        read_seal(path, LATER, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sha256": None}, "cannot be read. It needs file, sha256, made_at"),
        ({"made_at": "soon"}, "cannot be read"),
        ({"made_at": "2020-01-05T08:00:00"}, "Give a past time with its zone"),
        ({"made_at": (now() + timedelta(days=2)).isoformat()}, "Give a past time with its zone"),
        ({"file": "other.csv"}, "is about 'other.csv'"),
        ({"author": " "}, "author=' ' cannot be used"),
        ({"author": "a" * 81}, "Give a name of 1 to 80 letters"),
        ({"author": "a\x1b[31m"}, "cannot be used"),
    ],
)
def test_a_manifest_that_states_something_else_is_refused(path, change, words):
    with pytest.raises(InputError, match=words):
        stated(path, **change)


def test_a_stated_author_is_shown(path):
    assert stated(path, author=" Team A ").author == "Team A"
