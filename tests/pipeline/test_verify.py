import pytest

from ilp_models.audit.register.register import Register
from ilp_models.cli.app import App, find_configs
from tests.audit.register.test_register import entry


@pytest.fixture
def register(tmp_path):
    made = Register(tmp_path / "register.jsonl")
    for hours in range(3):
        made.append(entry(hours))
    return made


def verify(folder, *words):
    return App(find_configs()).run(["verify", f"output='{folder}'", *words])


def test_a_whole_register_is_told_with_its_last_digest(register, tmp_path, capsys):
    digest = register.verify().digest
    assert verify(tmp_path, f"last='{digest}'") == 0
    text = capsys.readouterr().out
    assert "intact, 3 entries" in text
    assert digest in text
    assert "2026-01-05T10:00:00" in text


def test_the_first_bad_line_is_named_and_the_task_fails(register, tmp_path, capsys):
    register.path.write_text(register.path.read_text().replace("T09:00", "T09:01"))
    assert verify(tmp_path) == 1
    assert "line 2: the line was edited" in capsys.readouterr().err


def test_a_missing_register_is_not_called_whole(tmp_path, capsys):
    assert verify(tmp_path) != 0
    assert "There is no register" in capsys.readouterr().err
