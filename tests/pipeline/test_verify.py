import importlib
import inspect
import re
import shutil
from dataclasses import replace

import pytest

from ilp_models.audit.register.register import Register
from ilp_models.cli.app import App, find_configs
from ilp_models.cli.help import find_tasks
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.pipeline.auditing import audit_plan
from ilp_models.pipeline.run_folder import load_approved
from tests.audit.register.test_register import entry
from tests.pipeline.small_city import LENIENT, copy_run, run_task

CHOICE = ("chosen_by=me", "reason=agreed", "compute.jobs=1")
# commands that read the register, with what each needs, in an order in which all of them work
READERS = {
    "monitor": ("model=[lightgbm]", "backtest.test_periods=10"),
    "approve": ("reviewer='R. Viewer'", "reason=read", "tracking=memory"),
    "export": ("grade=allocation",),
    "allocate": CHOICE,
    "withdraw": ("reason=late", "tracking=memory"),
}


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
    assert re.search(r"There is no register .*\. The first declaration or decision creates it", capsys.readouterr().err)


@pytest.fixture
def place(admitted, shelf, tmp_path):
    """Return a copy of the admitted run and a copy of the register, from which the last line was cut off."""
    whole = Register(shelf / "register.jsonl")
    shutil.copy(whole.path, tmp_path)
    Register(tmp_path / "register.jsonl").append(entry(decision="cd" * 32, moment=admitted_moment(whole)))
    lost = Register(tmp_path / "register.jsonl").verify().digest
    shutil.copy(whole.path, tmp_path)
    return copy_run(admitted, tmp_path / "run"), lost


def admitted_moment(register):
    return register.verify().lines[-1].moment


def test_every_task_with_a_register_takes_the_digest_of_a_line():
    for task in find_tasks(find_configs()):
        names = inspect.signature(
            importlib.import_module(f"ilp_models.pipeline.{task.replace('-', '_')}").run
        ).parameters
        assert ("register" in names) == ("last" in names), task


@pytest.mark.usefixtures("undrawn")
def test_every_writer_prints_a_digest_that_the_next_reader_accepts(place, shelf):
    run, _ = place
    register = run.parent / "register.jsonl"
    last = Register(register).verify().digest
    for task in ("approve", "export", "allocate", "withdraw"):
        where = (f"source='{run}'", f"register='{register}'", f"last='{last}'")
        text = run_task(task, run.parent, *where, *READERS[task]).text
        (last,) = re.findall(rf"^Register: {re.escape(str(register))}, last=([0-9a-f]{{64}})$", text, re.MULTILINE)
        assert last == Register(register).verify().digest


def test_a_run_prints_the_digest_of_its_line(admitted, withheld):
    for done in (admitted, withheld):
        assert re.search(r"^Register: .*register.jsonl, last=[0-9a-f]{64}$", done.text, re.MULTILINE)


@pytest.mark.parametrize("task", READERS)
def test_no_command_reads_a_register_from_which_lines_were_cut_off(place, task, shelf):
    run, lost = place
    register = run.parent / "register.jsonl"
    before = register.read_bytes()
    with pytest.raises(StorageError, match=f"no line has the digest {lost}"):
        run_task(task, run.parent, f"source='{run}'", f"register='{register}'", f"last='{lost}'", *READERS[task])
    assert register.read_bytes() == before


def test_a_run_stops_before_its_backtest(place, tmp_path):
    _, lost = place
    with pytest.raises(StorageError, match="no line has the digest"):
        run_task("weekly", tmp_path / "new", *LENIENT, f"register='{tmp_path}/register.jsonl'", f"last='{lost}'")
    assert not (tmp_path / "new" / "forecasts").exists()


def test_python_functions_take_a_register_with_a_digest(place):
    run, lost = place
    register = Register(run.parent / "register.jsonl", lost)
    with pytest.raises(StorageError, match="no line has the digest"):
        load_approved(run, register=register)
    assert Register.from_path(register) is register
    assert Register.from_path(str(register.path)) == replace(register, last=None)
    assert "Register" in str(inspect.signature(audit_plan).parameters["register"].annotation)


@pytest.mark.parametrize("last", ["", " ", "abc", "5F" * 32, "5f" * 31, "5f" * 33, "latest", 5])
def test_what_is_no_digest_is_refused_and_does_not_switch_the_test_off(last, register):
    with pytest.raises(InputError, match="is not the digest of a line"):
        Register(register.path, last)


def test_an_empty_variable_does_not_switch_the_test_off(register, tmp_path, capsys):
    assert verify(tmp_path, "last=") == 1
    assert "last='' is not the digest of a line" in capsys.readouterr().err
