"""Commands that write are killed at random moments: no file without its line, no torn line, and it can be run again.

`ILP_KILLS=200` lengthens the test.
"""

import json
import multiprocessing
import os
import random
import shutil
import time
from pathlib import Path

import pytest

from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import WithheldError
from tests.pipeline.conftest import admitted, shelf  # noqa: F401 - fixtures
from tests.pipeline.small_city import LENIENT, copy_run, run_task

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("ILP_KILLS", "15"))
SIGNING = ("reviewer='R. Viewer'", "reason='all checks passed'", "tracking=memory")
PLAN = ("compute.jobs=1", "chosen_by='A. Planner'", "reason=as-agreed")
COMMANDS = {
    "approve": SIGNING,
    "export": ("grade=allocation", "formats=[parquet,gpkg,geojson,csv,xlsx,geotiff]"),
    "allocate": PLAN,
    "withdraw": ("reason=revised", "tracking=memory"),
    "objection": ("area=West", "text='too many patrols'"),
    "preregister": LENIENT,
    "weekly": (*LENIENT, "backtest.horizon=1"),
    "audit": (*LENIENT, "backtest.horizon=1"),
}
ACTS = {
    "approve": "approved",
    "export": "exported",
    "allocate": "allocated",
    "withdraw": "withdrawn",
    "objection": "objected",
    "preregister": "declared",
}
DECIDING = ("weekly", "audit")
READ = "source='{0}/run'", "register='{0}/register.jsonl'"


@pytest.fixture(scope="module")
def server():
    """Return processes that start with everything imported, so that a kill meets the work and not the imports."""
    context = multiprocessing.get_context("forkserver")
    modules = [f"ilp_models.pipeline.{task}" for task in COMMANDS]
    context.set_forkserver_preload(["tests.pipeline.small_city", *modules])
    return context


@pytest.fixture(scope="module")
def durations():
    """Return the seconds that each command needed when nothing killed it."""
    return {}


def place_of(folder, admitted, shelf):  # noqa: F811
    folder.mkdir()
    shutil.copy(shelf / "register.jsonl", folder)
    copy_run(admitted, folder / "run")
    return folder


def words_for(task, place, shelf):  # noqa: F811
    if task == "preregister":
        return COMMANDS[task]
    if task in DECIDING:
        # the copy of the shelf's register would count the run itself as an earlier decision
        (place / "register.jsonl").unlink(missing_ok=True)
        return (*COMMANDS[task], f"store='{shelf}/forecasts'")
    return (*(word.format(place) for word in READ), *COMMANDS[task])


def work(task, place, words):
    """Run a command in a process of its own, without its output."""
    with Path(os.devnull).open("w") as silent:
        os.dup2(silent.fileno(), 1)
        os.dup2(silent.fileno(), 2)
        run_task(task, place, *words)


def killed(server, task, place, words, after):
    """Run a command, kill it after some seconds (or never), and return how long it ran."""
    child, start = server.Process(target=work, args=(task, place, words)), time.monotonic()
    child.start()
    child.join(after)
    child.kill()
    child.join()
    assert after is not None or child.exitcode == 0
    return time.monotonic() - start


def check(task, place, before):
    """Compare what lies in the folder with what the register says."""
    state = Register(place / "register.jsonl").verify()
    assert before.is_prefix(state.lines)
    new = state.lines[before.count :]
    acts = [line.act for line in new]
    files = [path for path in Path(place, task).rglob("*") if path.is_file() and path.name != "UNFINISHED"]
    if task in ("export", "allocate"):
        assert acts == [ACTS[task]] or not files, files
        if files and task == "export":
            data = [path for path in files if not path.name.endswith(".csv.json")]
            assert {path.name for path in data} <= set(new[0].content["files"])
    elif task in DECIDING:
        released = [path for path in files if path.name.startswith(("forecast.", "grid.", "areas.", "decision."))]
        assert acts in (["decided"], []), acts
        assert acts or not released, released
        for path in files:
            if path.name == "decision.json":
                assert json.loads(path.read_text())["seal"] == new[0].decision
    else:
        assert acts in ([ACTS[task]], []), acts


class Before:
    """The lines of a register before a command."""

    def __init__(self, place):
        self.lines = Register(place / "register.jsonl").verify().lines
        self.count = len(self.lines)

    def is_prefix(self, lines):
        return tuple(lines[: self.count]) == tuple(self.lines)


@pytest.mark.timeout(600 + 30 * KILLS)
def test_a_killed_command_leaves_no_file_without_its_line(server, durations, admitted, shelf, tmp_path):  # noqa: F811
    random_moments = random.Random(4)  # noqa: S311 - moments, not secrets
    tasks = list(COMMANDS)
    for task in tasks:
        place = place_of(tmp_path / f"whole-{task}", admitted, shelf)
        durations[task] = killed(server, task, place, words_for(task, place, shelf), None)
        assert not (place / task / "0" / "UNFINISHED").exists()
    for number in range(KILLS):
        task = tasks[number % len(tasks)]
        place = place_of(tmp_path / f"{number}-{task}", admitted, shelf)
        words, before = words_for(task, place, shelf), None
        before = Before(place)
        killed(server, task, place, words, random_moments.uniform(0, 1.05) * durations[task])
        check(task, place, before)
        done = len(Register(place / "register.jsonl").verify().lines) > before.count
        if done and task in ("approve", "withdraw"):
            with pytest.raises(WithheldError, match="already"):
                run_task(task, place, *words)
        elif number < 2 * len(tasks):
            run_task(task, place, *words)
        Register(place / "register.jsonl").verify()
        shutil.rmtree(place)
