"""Standing approvals are killed at random moments: no line or a whole one, and nothing is permitted without its line.

`ILP_KILLS=200` lengthens the test.
"""

import random
import shutil

import pytest

from ilp_models.audit.register.register import Register
from ilp_models.audit.register.standing import UNDER
from ilp_models.domain.errors import WithheldError
from ilp_models.pipeline.run_folder import load_approved
from tests.attacks.test_killed import KILLS, Before, killed, server  # noqa: F401 - a fixture
from tests.pipeline.small_city import copy_run, run_task
from tests.pipeline.test_approve_standing import city, key, place, weeks  # noqa: F401 - fixtures
from tests.pipeline.test_monitor import AUDITED, SAME, WATCHED, Until

pytestmark = pytest.mark.slow
SIGNED, USED = "standing_weeks", "use_standing"


@pytest.fixture(scope="module")
def cases(weeks, place, city, key):  # noqa: F811
    """Return for each command the run, the lines of the register before it, and its settings."""
    first, _, second = weeks
    watched = (f"source='{first.folder}'", f"backtest.refit_every={AUDITED}", *SAME, *WATCHED)
    run_task("monitor", place, *watched, data=Until(city, 1))
    lines = (place / "register.jsonl").read_bytes().splitlines(keepends=True)
    signing = ("reviewer='R. Viewer'", "reason='changed settings, as agreed'", f"key='{key[0]}'", "standing_weeks=8")
    return {
        SIGNED: (first, lines[:1], (*signing, "+monitor.least_periods=20", "tracking=memory")),
        USED: (second, lines, ("use_standing=true", "tracking=memory")),
    }


def prepared(folder, case):
    """Return the words of a command on a copy of its run and of the lines before it."""
    done, lines, words = case
    folder.mkdir()
    (folder / "register.jsonl").write_bytes(b"".join(lines))
    copy_run(done, folder / "run")
    return (f"source='{folder}/run'", f"register='{folder}/register.jsonl'", *words)


def check(folder, name, before):
    """Compare files and permission with the lines of the register; return whether the command wrote its line."""
    register = Register(folder / "register.jsonl")
    state = register.verify()
    assert before.is_prefix(state.lines)
    new = state.lines[before.count :]
    assert [line.act for line in new] in ([], ["approved"])
    if not new:
        pages = [path for path in (folder / "approve").rglob("*.html") if path.is_file()]
        assert not pages
        with pytest.raises(WithheldError):
            load_approved(folder / "run", register=register)
        return False
    content = new[0].content
    assert content["standing"]["until"] if name == SIGNED else content[UNDER] == 2
    assert load_approved(folder / "run", register=register).decision.approved
    return True


@pytest.mark.parametrize("name", [SIGNED, USED])
@pytest.mark.timeout(600 + 60 * KILLS)
def test_a_killed_standing_approval_leaves_no_line_or_a_whole_one(server, cases, name, tmp_path):  # noqa: F811
    random_moments = random.Random(11)  # noqa: S311 - moments, not secrets
    whole = tmp_path / "whole"
    words = prepared(whole, cases[name])
    before = Before(whole)
    duration = killed(server, "approve", whole, words, None)
    assert check(whole, name, before)
    outcomes = set()
    for number in range(KILLS):
        folder = tmp_path / str(number)
        words = prepared(folder, cases[name])
        before = Before(folder)
        # the line and the page are written at the end: half of the moments are there
        start = 0.6 if number % 2 else 0.0
        killed(server, "approve", folder, words, random_moments.uniform(start, 1.05) * duration)
        written = check(folder, name, before)
        outcomes.add(written)
        if written:
            with pytest.raises(WithheldError, match="already"):
                run_task("approve", folder, *words)
        elif number < 3:
            run_task("approve", folder, *words)
            assert check(folder, name, before)
        shutil.rmtree(folder)
    assert False in outcomes
