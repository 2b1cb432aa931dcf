"""The task tune on the small city: what it must not see, what it is judged by, and what it hands on."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir

from ilp_models.cli.app import find_configs
from ilp_models.cli.instantiate import resolve
from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.pipeline.tune import run
from ilp_models.tracking.trial_record import TrialRecord
from tests.pipeline.small_city import SETTINGS, WEEKS, build_task, run_task

WINDOWS = "++tuning.space={window:{low:0,high:60}}"  # a window of 0 is refused
TUNE = (
    "model=[moving_average]",
    "forecaster=moving_average",
    "scoring.baseline=moving_average",
    "tuning=optuna",
    "tuning.periods=6",
    "tuning.refit_every=6",
    "tuning.startup=2",
    WINDOWS,
)
FAR = 3  # trials of most tests


def tune(folder, *words, **instead):
    return run_task("tune", folder, *TUNE, f"tuning.trials={FAR}", *words, **instead)


def trials_of(done):
    return pd.read_csv(done.folder / "trials.csv", keep_default_na=False).drop(columns="seconds")


def key_of(done):
    return done.run.recorded_tags["study"]


def composed(words):
    """Return the settings of a command ``ilp backtest ... --config-dir=DIR``."""
    flags = [word for word in words if word.startswith("--config-dir=")]
    places = [Path(flag.partition("=")[2]).absolute() for flag in flags]
    extra = [f"hydra.searchpath={[f'file://{place}' for place in places]}"]
    with initialize_config_dir(config_dir=str(find_configs()), version_base="1.3"):
        return resolve(compose(words[1], [word for word in words[2:] if word not in flags] + extra))


class Edited:
    """A source whose events are changed on one side of a moment."""

    def __init__(self, source, moment, *, after):
        self.source, self.moment, self.after = source, moment, after

    def read(self):
        events = self.source.read()
        table = events.table.copy()
        chosen = (table["reported_at"] >= self.moment) == self.after
        drawn = np.random.default_rng(1).permutation(table.index[chosen])
        table.loc[chosen, ["x", "y"]] = table.loc[drawn, ["x", "y"]].to_numpy()
        table = table.drop(index=drawn[: len(drawn) // 3])
        return replace(events, table=table.reset_index(drop=True))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return tmp_path_factory.mktemp("tuned")


@pytest.fixture(scope="module")
def done(shelf):
    return tune(shelf)


@pytest.fixture(scope="module")
def first_test(done):
    """Return the start of the first test period: the periods are the last whole weeks of the records."""
    events = done.parts["data"].read()
    return done.parts["calendar"].whole_periods(events.start, events.end)[-WEEKS].start_time


def test_no_event_of_the_test_or_after_moves_a_bit_of_the_search(done, first_test, tmp_path):
    again = tune(tmp_path, data=Edited(done.parts["data"], first_test, after=True))
    assert key_of(again) == key_of(done)
    pd.testing.assert_frame_equal(trials_of(again), trials_of(done), check_exact=True)


def test_events_before_the_test_are_what_it_learns_from(done, first_test, tmp_path):
    other = tune(tmp_path, "tuning.trials=1", data=Edited(done.parts["data"], first_test, after=False))
    assert key_of(other) != key_of(done)
    assert trials_of(other)["deviance"][0] != trials_of(done)["deviance"][0]


def test_a_trial_scores_what_a_backtest_that_ends_before_the_test_says(done, first_test, tmp_path):
    end = (first_test - pd.Timedelta(days=1)).date()
    words = [word for word in TUNE if word.startswith(("model", "scoring"))]
    past = ("backtest.test_periods=6", "backtest.refit_every=6", f"backtest.end={end}")
    backtest = run_task("backtest", tmp_path, *words, *past)
    summary = pd.read_csv(backtest.folder / "summary.csv").query(
        "forecaster == 'moving_average' and score == 'deviance'"
    )
    expected = summary.set_index("crime_type").loc["all", "value"]
    assert trials_of(done)["deviance"][0] == pytest.approx(expected, rel=1e-12)


def test_trials_know_the_records_of_neighbours(tmp_path):
    own = build_task("tune", "data.seed=1")[1]["data"]
    other = build_task("tune", "data.seed=5", f"data.west={own.west + 4000}")[1]["data"]
    words = (
        "model=[empirical_bayes]",
        "forecaster=empirical_bayes",
        "scoring.baseline=empirical_bayes",
        "tuning.trials=2",
    )
    space = "++tuning.space={reach_cells:{low:0.5,high:2.0}}"
    found = []
    for name, neighbours in (("alone", None), ("known", Neighbours({"east": other}))):
        (tmp_path / name).mkdir()
        done = run_task("tune", tmp_path / name, *TUNE[3:-1], *words, space, data=own, neighbours=neighbours)
        assert (done.folder / "borders.csv").exists() == (name == "known")
        assert not trials_of(done)["reason"].any()
        found.append(trials_of(done)["deviance"].to_numpy(dtype=float))
    assert (found[0] != found[1]).all()


def test_the_same_command_continues_the_study_and_leaves_no_forecasts(done, shelf):
    more = tune(shelf, "tuning.trials=4")
    pd.testing.assert_frame_equal(
        trials_of(more).head(FAR).drop(columns="best"), trials_of(done).drop(columns="best"), check_exact=True
    )
    assert [child.name for child in more.run.children] == ["trial 3"]
    assert [child.name for child in done.run.children] == [f"trial {number}" for number in range(FAR)]
    assert done.run.children[0].recorded_metrics["deviance"] == trials_of(done)["deviance"][0]
    assert sorted(path.suffix for path in (shelf / "tuning").iterdir()) == [".db", ".lock"]
    assert not [*shelf.rglob("*.parquet"), *shelf.rglob("trial-*")]


def test_each_trial_leaves_one_line_with_its_settings_and_score(done, shelf):
    lines = TrialRecord(str(shelf / "trials" / "run.csv")).read().head(FAR)  # later tests continue the search
    table = trials_of(done)
    assert [json.loads(one)["window"] for one in lines["settings"]] == table["window"].tolist()
    assert lines["value"].tolist() == pytest.approx(pd.to_numeric(table["deviance"]).tolist(), nan_ok=True, rel=1e-9)
    assert lines["reason"].fillna("").tolist() == table["reason"].tolist()
    assert set(lines["recipe"]) == {key_of(done)}
    assert (lines["periods"] == 6).all()
    assert set(lines["data"].str.len()) == {64}


def test_every_file_is_there_and_tracked(done):
    files = {path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*") if path.is_file()}
    names = {"trials.csv", "importance.csv", "best/experiment/best.yaml", "figures/history.png", "figures/slices.png"}
    assert files == {*names, "intake.json"}
    assert set(done.run.artifacts) == {name.rpartition("/")[2] for name in files}


def test_both_commands_for_the_test_compose_to_the_best_settings(done):
    lines = [shlex.split(line) for line in done.text.splitlines() if line.startswith("  ilp backtest")]
    best = int(trials_of(done).query("best == 'True' or best == True")["window"].iloc[0])
    for words in lines:
        model = composed(words)["model"]
        assert model == {"moving_average": {**done.config["model"]["moving_average"], "window": best}}
    assert len(lines) == 2
    assert "is optimistic" in done.text


def test_the_command_keeps_the_words_on_records_and_cells(shelf, tmp_path):
    words = (*TUNE, f"tuning.trials={FAR}", "name=x")
    parts = build_task("tune", f"output={shelf}", *words)[1]
    command = shlex.join(["ilp", "tune", *words, "grid.size=500", "experiment=mine", "model.moving_average.window=52"])
    text = run(**parts, command=command, folder=tmp_path)
    (line,) = [line for line in text.splitlines() if line.startswith("  ilp backtest")]
    kept = ["scoring.baseline=moving_average", "grid.size=500", "experiment=mine"]
    assert shlex.split(line)[2:-1] == ["model=[moving_average]", *kept]


def test_the_command_finds_options_of_ones_own(shelf, tmp_path, monkeypatch):
    own = tmp_path / "tuning" / "grid"  # a folder named as a part that a backtest has not
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text("# Mine\ndefaults: [squares, _self_]\nsize: 640\n")
    monkeypatch.chdir(tmp_path)
    words = (*TUNE, f"tuning.trials={FAR}", "name=x")
    parts = build_task("tune", f"output={shelf}", *words)[1]
    command = shlex.join(["ilp", "tune", *words, "grid=mine", "--config-dir=tuning"])
    made = tmp_path / "made"
    made.mkdir()
    text = run(**parts, command=command, folder=made)
    (line,) = [line for line in text.splitlines() if line.startswith("  ilp backtest")]
    assert composed(shlex.split(line))["grid"]["size"] == 640


def test_refused_settings_keep_their_row(tmp_path):
    refused = run_task("tune", tmp_path, *TUNE[:-1], "++tuning.space={window:{choices:[52,0]}}", "tuning.trials=6")
    table = trials_of(refused)
    rows = table[table["window"] == 0]
    assert set(rows["reason"]) == {"window=0 must be at least 1 period."}
    assert "No trial was better" in refused.text
    assert "Failed: " in refused.text


def test_a_forecaster_that_refuses_all_is_an_error(tmp_path):
    words = ("model.moving_average.window=0", "++tuning.space={window:{choices:[0,-1]}}", "tuning.trials=4")
    with pytest.raises(NotRunError, match=r"All 4 trials failed\. First reason: window=0 must be"):
        run_task("tune", tmp_path, *TUNE[:-1], *words)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("tuning.periods=200", "tuning.periods=200 leaves no period to learn from: only 110 week"),
        ("++tuning.space={windw:{low:1,high:2}}", "Did you mean window?"),
        ("++tuning.space={windw:{low:1}}", "Did you mean window?"),
        ("++tuning.space={window:{low:99}}", "tuning.space.window: low=99 must be a number below high=60"),
        ("forecaster=ewma", "forecaster=ewma is not among the models"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(tmp_path, word, line):
    with pytest.raises(InputError) as error:
        tune(tmp_path, word)
    assert line in str(error.value)


def test_a_misspelt_score_is_refused_before_the_records_are_read(tmp_path):
    with pytest.raises(InputError, match=r"Did you mean pai_05\?"):
        tune(tmp_path, "tuning.score=pai_5", data=None)


def test_leads_are_pooled_and_any_score_with_a_better_way_serves(tmp_path):
    pooled = tune(tmp_path, "backtest.horizon=2", "tuning.score=pei_05", "tuning.trials=1")
    assert 0 < trials_of(pooled)["pei_05"][0] < 1


def test_the_space_of_lightgbm_is_one_it_has(tmp_path):
    words = [word for word in SETTINGS["backtest"] if word.startswith("model.lightgbm.")]
    text = run_task("tune", tmp_path, "model=[lightgbm]", *words, "tuning.periods=4", "tuning.trials=1").text
    assert "model.lightgbm.offset.half_life=80" in text
