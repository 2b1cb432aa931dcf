import logging
import os
import re
import shlex
import subprocess
import sys

import pytest

from ilp_models.cli.app import App, find_configs

pytestmark = pytest.mark.filterwarnings("default:a wolf")


def complete(ilp, monkeypatch, line):
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    code, out, _ = ilp("-sc", "query=bash")
    assert code == 0
    return out.split()


@pytest.mark.parametrize("words", [(), ("--help",), ("-h",)])
def test_help_lists_the_tasks(ilp, words):
    code, out, err = ilp(*words)
    assert (code, err) == (0, "")
    assert re.search(r"^  count  Count sheep, and say how many$", out, re.MULTILINE)
    assert "_terminal" not in out


def test_a_task_gets_objects_settings_and_its_folder(ilp, run_folder):
    code, out, err = ilp("count", "flock.numerator=5", "name=trial")
    assert (code, out, err) == (0, "5 sheep, 2 shepherds, trial\n", "counting\n")
    assert run_folder().name.endswith("-trial")
    assert (run_folder() / "count.txt").read_text() == "5"


@pytest.mark.parametrize("name", ["root", "ilp.trace", "py.warnings"])
def test_the_log_file_is_closed_after_the_run(ilp, name):
    logger = logging.getLogger(name)
    for words in (["count"], ["count", "fail=input"]):
        ilp(*words)
        assert not [one for one in logger.handlers if isinstance(one, logging.FileHandler)]


def test_a_later_trace_in_the_same_process_goes_to_the_terminal_not_to_the_log_of_a_finished_run(
    ilp, run_folder, capfd
):
    ilp("count")
    log = (run_folder() / "count.log").read_text()
    logging.getLogger("ilp.trace").error("a later trace")
    assert (run_folder() / "count.log").read_text() == log
    assert "a later trace" in capfd.readouterr().err


def test_latest_points_at_the_last_success_and_a_failure_stays_marked(ilp, tmp_path):
    latest = tmp_path / "outputs" / "count" / "latest"
    ilp("count", "flock.numerator=5")
    ilp("count", "flock.numerator=6")
    ilp("count", "flock.numerator=7", "fail=bug")
    assert latest.is_symlink()
    assert (latest / "count.txt").read_text() == "6"
    assert not (latest / "UNFINISHED").exists()
    folders = [path for path in latest.parent.iterdir() if not path.is_symlink()]
    assert [(path / "UNFINISHED").exists() for path in sorted(folders)] == [False, False, True]


def test_a_first_run_in_a_folder_elsewhere_ends_well_and_latest_points_at_it(ilp, tmp_path):
    assert ilp("count", "flock.numerator=6", f"hydra.run.dir={tmp_path / 'elsewhere'}")[0] == 0
    assert (tmp_path / "outputs" / "count" / "latest" / "count.txt").read_text() == "6"


def test_the_log_contains_warnings_and_the_trace(ilp, run_folder):
    ilp("count", "fail=bug")
    log = (run_folder() / "count.log").read_text()
    assert "a wolf" in log
    assert "Traceback" in log


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_debug_raises_the_error_with_its_trace(configs, monkeypatch, by):
    monkeypatch.setattr(sys, "argv", ["ilp"])
    if by == "variable":
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(KeyError, match="wolf"):
        App(configs, "sheep_pipelines").run(["count", "fail=bug", *(["--debug"] if by == "flag" else [])])


@pytest.mark.parametrize(("flags", "value"), [((), ""), (("--debug",), "1")])
def test_debug_is_passed_to_worker_processes(ilp, monkeypatch, flags, value):
    seen = []
    monkeypatch.setattr(App, "_dispatch", lambda *_: seen.append(os.environ["ILP_DEBUG"]) or 0)
    ilp("count", *flags)
    assert seen == [value]
    assert "ILP_DEBUG" not in os.environ


def test_two_runs_in_one_folder_are_refused(ilp):
    assert ilp("count", "hydra.run.dir=here", "fail=bug")[0] == 1
    code, _, err = ilp("count", "hydra.run.dir=here")
    assert code == 1
    assert "belongs to a run that has not finished" in err


def test_settings_can_be_shown_without_running(ilp, tmp_path):
    code, out, _ = ilp("count", "--cfg", "job", "flock=large")
    assert code == 0
    assert "numerator: 400" in out
    assert not (tmp_path / "outputs").exists()
    assert "Defaults" in ilp("count", "--info", "defaults")[1]


def test_experiments_override_defaults_and_the_command_overrides_both(ilp):
    assert ilp("count", "experiment=early")[1] == "7 sheep, 2 shepherds, early\n"
    assert ilp("count", "experiment=early", "flock.numerator=9", "name=mine")[1] == "9 sheep, 2 shepherds, mine\n"


def test_an_experiment_may_set_keys_of_other_tasks_but_no_unknown_key(ilp):
    assert ilp("count", "experiment=wide")[:2] == (0, "3 sheep, 2 shepherds, wide\n")
    code, _, err = ilp("count", "experiment=wrong")
    assert code == 1
    assert "unexpected keyword argument 'rulled'" in err


@pytest.mark.parametrize("flag", [("--config-dir", "my own"), ("--config-dir=my own",)])
def test_the_recorded_command_includes_config_dir(ilp, tmp_path, monkeypatch, flag):
    own = tmp_path / "my own" / "flock"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# My sheep\n_target_: fractions.Fraction\nnumerator: 11\n")
    seen = []
    monkeypatch.setattr("sheep_pipelines.count.run", lambda *, command, **_: seen.append(command))
    assert ilp("count", *flag, "flock=mine", "-m", "name=a,b")[0] == 0
    words = shlex.split(seen[0])
    assert words == ["ilp", "count", "flock=mine", "name=a", "--config-dir=my own"]
    assert ilp(*words[1:])[0] == 0
    assert seen[-1] == seen[0]


def test_help_explains_settings_choices_and_examples(ilp):
    code, out, err = ilp("count", "--help", "flock=large")
    assert (code, err) == (0, "")
    assert out.startswith("ilp count: Count sheep, and say how many.\n\nThe flock is counted once for each shepherd.\n")
    for line in (
        r"  ilp count -m flock=small,large",
        r"      output=outputs +Folder of all results.*",
        r"      tired=false +Whether the shepherd may doze off",
        r"  \* flock=large +Many sheep",
        r"    flock=small +A few sheep",
        r"      flock.numerator=400 +Head of sheep, lambs too",
        r"  \* shepherd=ann +Ann",
        r"      shepherd.bob.pace=2 +Sheep a minute",
    ):
        assert re.search(f"^{line}$", out, re.MULTILINE), line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ilp ", ["count", "tally"]),
        ("ilp cou", ["count"]),
        ("ilp count floc", ["flock=", "flock."]),
        ("ilp count flock=la", ["flock=large"]),
        ("ilp count flock=large flock.num", ["flock.numerator="]),
        ("/some/where/ilp count tir", ["tired="]),
        ("ilp nothing fl", []),
    ],
)
def test_tab_completes_tasks_groups_options_and_settings(ilp, monkeypatch, line, expected):
    assert sorted(complete(ilp, monkeypatch, line)) == sorted(expected)


def test_completion_installs_itself_for_bash(ilp):
    assert "hydra_bash_completion" in ilp("-sc", "install=bash")[1]


def test_environment_is_set_before_heavy_imports_and_respects_the_user(ilp, monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setenv("MPLBACKEND", "svg")
    ilp("--version")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert os.environ["MPLBACKEND"] == "svg"


def test_python_m_runs_the_command_line():
    command = [sys.executable, "-m", "ilp_models", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert re.fullmatch(r"ilp \d+\.\d+\.\d+\n", result.stdout)


def test_help_is_fast_and_imports_no_heavy_package():
    script = (
        "import sys, time; start = time.process_time(); from ilp_models.cli.app import main;"
        "sys.argv = ['ilp', '--help']; main(); spent = time.process_time() - start;"
        "heavy = {'mlflow', 'shap', 'matplotlib', 'lightgbm', 'sklearn', 'pandas', 'numpy'} & set(sys.modules);"
        "sys.exit(f'{spent:.2f} s, {heavy}' if heavy or spent > 1 else 0)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, stdout=subprocess.DEVNULL)


def test_configs_are_found_in_a_checkout():
    assert (find_configs() / "_terminal.yaml").is_file()
