import csv
import logging
import os
import re
import shlex
import subprocess
import sys

import pytest

from ilp_models.cli.app import App, find_configs
from ilp_models.cli.instantiate import drop_unused

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


@pytest.mark.parametrize(
    ("word", "new"),
    [
        ("audit.share=0.1", "audit.land_share"),
        ("audit.minimum={periods:8}", "audit.min_evidence"),
        ("model.lightgbm.keep_level=false", "model.lightgbm.match_city_total"),
        ("++model.mine.offset.reach=2", "model.mine.offset.reach_cells"),
        ("scoring.level=0.9", "bootstrap.confidence"),
        ("from=outputs/run", "rerun"),
        ("scoring.harm={Assault: 10}", "harm=[csi_2009,ons_css]"),
        ("++audit.harm.Assault=10", "harm=[csi_2009,ons_css] and audit.harm=csi_2009"),
        ("objective.source=me", "harm=[csi_2009,ons_css], whose sets state their source"),
        ("grid=searched", "grid=random_search"),
    ],
)
def test_a_renamed_setting_is_refused_with_the_new_name(ilp, word, new):
    code, out, err = ilp("count", word)
    assert (code, out) == (2, "")
    assert "was renamed. Use " + new in err.replace("\n", " ")


def test_a_renamed_setting_in_a_file_of_the_user_is_refused(ilp, tmp_path):
    own = tmp_path / "mine" / "experiment"
    own.mkdir(parents=True)
    (own / "old.yaml").write_text("# @package _global_\n# Mine\naudit:\n  governance: {level: middle}\n")
    code, _, err = ilp("count", "--config-dir", str(tmp_path / "mine"), "experiment=old")
    assert code == 2
    assert f"audit.governance.level in {own / 'old.yaml'} was renamed. Use audit.governance.tier." in err


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


def test_multirun_runs_every_value_with_flags_anywhere(ilp, tmp_path):
    code, out, _ = ilp("count", "name=x", "-m", "flock=small,large", "tired=true")
    head, table = out.split("Sweep of 2 runs\n")
    assert (code, head) == (0, "3 sheep, 2 shepherds, x\n400 sheep, 2 shepherds, x\n")
    assert table.startswith(
        "    0  flock=small  done, without scores\n    1  flock=large  done, without scores\nTable: "
    )
    found = sorted(path.parent.name for path in tmp_path.glob("outputs/count/multirun/*-x/*/count.txt"))
    assert found == ["0", "1"]
    assert not (tmp_path / "outputs/count/latest").exists()


def test_multirun_continues_after_an_error_and_reports_it(ilp, tmp_path):
    code, out, err = ilp("count", "-m", "fail=input,null")
    assert code == 1
    assert out.startswith(
        "3 sheep, 2 shepherds, run\nSweep of 2 runs\n    0  fail=input  FAILED: The flock has no sheep"
    )
    (table,) = tmp_path.glob("outputs/count/multirun/*-run/sweep.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines())
    assert [row["overrides"] for row in rows] == ["fail=input", "fail=null"]
    assert "The flock has no sheep" in err


def test_the_table_of_a_sweep_has_the_decimal_mark_of_its_runs(ilp, tmp_path):
    ilp("count", "-m", "flock=small,large", "+decimal=comma")  # runs fail, since this task has no decimal mark
    (table,) = tmp_path.glob("outputs/count/multirun/*-run/sweep.csv")
    assert table.read_text(encoding="utf-8-sig").startswith("run;overrides;forecaster;")


def test_a_kit_is_not_written_by_a_sweep(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ilp"])
    assert App(find_configs()).run(["backtest", "-m", "kit=new", "backtest.test_periods=4,8"]) == 2
    assert "kit=new cannot be set together with -m" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


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


def test_settings_of_models_not_chosen_are_dropped_and_misspelt_models_stay():
    chosen = {"ewma": {"_target_": "ilp_models.model.means.ewma.EWMA"}}
    given = {"model": {**chosen, "kde": {"window": 3}, "kdee": {"window": 3}}}
    assert drop_unused(given, ["model"], [], ["ewma", "kde"]) == {"model": {**chosen, "kdee": {"window": 3}}}


def test_config_dir_adds_options_and_replaces_none(ilp, tmp_path):
    own = tmp_path / "my own" / "flock"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# My sheep\n_target_: fractions.Fraction\nnumerator: 11\n")
    (own / "small.yaml").write_text("_target_: fractions.Fraction\nnumerator: 12\n")
    where = ("--config-dir", str(own.parent))
    assert ilp("count", "flock=mine", *where)[1].startswith("11 sheep")
    code, _, err = ilp("count", "flock=small", *where)
    assert code == 2
    assert "small.yaml would not be read, because flock=small is a packaged option. Rename your file." in err
    assert "My sheep" in ilp("count", "--help", *where)[1]
    assert "Did you mean flock=mine?" in ilp("count", "flock=mien", *where)[2]


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
