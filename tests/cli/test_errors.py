import errno
import re

import pytest

from ilp_models.cli.errors import UsageError, error_message
from ilp_models.domain.errors import InputError

pytestmark = pytest.mark.filterwarnings("default:a wolf")


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["count", "fail=input"], 1, "The flock has no sheep: give flock.numerator."),
        (["count", "fail=bug"], 1, "KeyError: 'wolf'. Run the command again with --debug for the trace."),
        (["count", "fail=full"], 1, "The disk is full: .*output=FOLDER."),
        (["count", "fail=stop"], 130, "Interrupted[.] .*"),
        (["count", "flock.numertor=4"], 2, "There is no setting flock.numertor. Did you mean flock.numerator[?]"),
        (["count", "flock=large", "flock.numratr=4"], 2, ".*Did you mean flock.numerator[?]"),
        (["count", "shepherd=[ann,bobb]"], 2, "There is no option shepherd=bobb. Did you mean shepherd=bob[?]"),
        (["count", "flock=larg"], 2, ".*Did you mean flock=large[?]"),
        (["count", "flock=xyz"], 2, ".*Options of flock: borrowed, large, .*"),
        (["count", "flok=large"], 2, ".*Did you mean flock[?]"),
        (["count", "flock=missing"], 2, "The setting flock.numerator is required. Add flock.numerator=VALUE."),
        (["count", "flock=strange"], 2, "flock._target_=os.path.basename is outside .* ILP_TARGETS."),
        (["count", "flock=borrowed"], 2, "flock._target_=fractions.math.factorial is outside .*"),
        (["count", "flock=refused"], 2, "Fraction[(]1, 0[)] [(]setting: flock[)]."),
        (["count", "+flock.bogus=3"], 2, ".*unexpected keyword argument 'bogus' [(]setting: flock[)]."),
        (["count", "tired=("], 2, "Cannot read the setting 'tired=[(]'[.] Put quotes around .*"),
        (["count", "fail=a,b"], 2, r"fail=a,b names several values[.] Write a list .* 'fail=\[a,b\]'[.] Or add -m .*"),
        (["count", "shepherd=ann,bob"], 2, r".*: 'shepherd=\[ann,bob\]'[.] Or add -m to run the task once for each .*"),
        (["count", "flock=small,large"], 2, "flock=small,large names several values[.] Choose one, or add -m .*"),
        (["count", "tired=true,false"], 2, ".* Choose one, or add -m .*"),
        (["count", "fail=range(1,3)"], 2, ".* Choose one, or add -m .*"),
        (["count", "output=a,b"], 2, ".* put quotes around it: \"output='a,b'\"[.] Or choose one, or add -m .*"),
        (["count", "--bogus"], 2, "Unrecognized arguments: --bogus; .*"),
        (["count", "-m", "--cfg", "job"], 2, "Only one of --run, --multirun, .*"),
        (["count", "--config-dir", "nowhere"], 2, "--config-dir=nowhere is not a folder. .*"),
        (["cont"], 2, "There is no task cont. Did you mean count[?]"),
        (["-m", "count"], 2, "Name the task before -m: .*"),
        (["count", "output=count.yaml"], 1, "Cannot use .*count.yaml.*: Not a directory. .*output=FOLDER."),
    ],
)
def test_each_error_is_one_line_with_advice(ilp, tmp_path, words, code, line):
    (tmp_path / "count.yaml").touch()
    got, _, err = ilp(*words)
    assert got == code
    lines = [text for text in err.splitlines() if text != "counting"]
    assert len(lines) == 1
    assert re.fullmatch(f"ilp: {line}", lines[0])


def caused(error, cause):
    """Return an error with a cause."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (caused(RuntimeError("x"), InputError("No\n records.")), "No records.", 1),
        (UsageError("no such task"), "no such task.", 2),
        (OSError(errno.ENOSPC, "No space", "a.csv"), "The disk is full: could not write a.csv. Free some space, or", 1),
        (
            OSError(errno.EACCES, "Permission denied", "a.csv"),
            "Cannot use a.csv: Permission denied. Choose a folder",
            1,
        ),
        (OSError(errno.EIO, "Input/output error", "a.csv"), "Cannot use a.csv: Input/output error.", 1),
        (KeyError("wolf"), "KeyError: 'wolf'. Run the command again with --debug for the trace.", 1),
        (KeyboardInterrupt(), "Interrupted.", 130),
    ],
    ids=str,
)
def test_the_first_known_cause_gives_line_and_exit_code(error, line, code):
    found, number = error_message(error)
    assert found.startswith(line)
    assert number == code
