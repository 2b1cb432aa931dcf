"""The task compare on the small city: its tables, its page, and who may take part."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.domain.scores import ScoreTable
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.trials import run_label
from ilp_models.tracking.trial_record import TrialRecord
from tests.pipeline.small_city import TYPES, run_task

REPLAY = ("backtest.test_periods=8", "backtest.refit_every=4")
CHEAP = (*REPLAY, "model=[moving_average,ewma]")
COSTS = ["fits", "forecasts", "fit_seconds", "fit_cpu_seconds", "forecast_seconds", "forecast_cpu_seconds", "peak_mb"]


class Unsound(MovingAverage):
    """A mean that forecasts fewer than no events."""

    def _predict(self, periods, steps):
        expected, dispersion = super()._predict(periods, steps)
        return -np.asarray(expected), dispersion


@dataclass(frozen=True)
class Table:
    """The CSV files of a run by name."""

    folder: object

    def __getitem__(self, name):
        return pd.read_csv(self.folder / f"{name}.csv")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("contest")


@pytest.fixture(scope="module")
def done(place):
    """Return a comparison of four, one of which cannot run and one of which knows the truth."""
    models = "model=[moving_average,ewma,lightgbm,true_intensity]"
    return run_task("compare", place, *REPLAY, models, "model.lightgbm.train_periods=1", "backtest.horizon=2")


@pytest.fixture(scope="module")
def table(done):
    return Table(done.folder)


def test_each_forecaster_leaves_one_line_with_the_score_of_the_tables(done, place, table):
    lines = TrialRecord(str(place / "trials" / "run.csv")).read()
    lines = lines[lines["run"] == run_label(done.folder)].set_index("forecaster")
    summary = table["summary"].query("score == 'deviance' and crime_type == 'all' and lead == 1")
    for _, row in summary[summary["forecaster"].isin(lines.index)].iterrows():
        assert lines.loc[row["forecaster"], ["value", "low", "high"]].tolist() == pytest.approx(
            row[["value", "low", "high"]].tolist(), rel=1e-9
        )
    skill = table["skill"].query("crime_type == 'all' and lead == 1").set_index("forecaster")["skill"]
    assert lines.loc["moving_average", "skill"] == pytest.approx(skill["moving_average"], rel=1e-9)
    assert "leave 1 to learn from" in lines.loc["lightgbm", "reason"]
    assert np.isnan(lines.loc["lightgbm", "value"])
    assert list(lines.index) == ["moving_average", "ewma", "lightgbm", "true_intensity"]
    assert set(lines["units"]) == {lines.loc["ewma", "units"]}


def test_every_file_is_there(done):
    names = {path.relative_to(done.folder).as_posix() for path in done.folder.rglob("*")}
    tables = (
        "scores summary skill season_skill leaderboard pairs confidence_set calibration pit coverage consistency cost"
        " decomposition variogram score_skill"
    )
    figures = "skill hit-curves critical-difference reliability pit coverage difference-forecast difference-deviance"
    assert names == {
        *(f"{name}.csv" for name in tables.split()),
        *(f"figures/{name}.png" for name in figures.split()),
        *("leaderboard.parquet", "scores.parquet", "comparison.html", "table.tex", "intake.json", "figures"),
    }


def test_the_leaderboard_holds_everybody_with_the_scores_of_the_summary(done, table):
    board = table["leaderboard"]
    first = board[board["lead"] == 1].set_index("forecaster")
    assert first["kind"].to_dict() == {
        "ewma": "forecaster",
        "moving_average": "forecaster",
        "lightgbm": "not run",
        "true_intensity": "bound",
        "ceiling (true_intensity)": "bound",
        "oracle": "bound",
    }
    summary = table["summary"].set_index(["forecaster", "lead", "crime_type", "score"])["value"]
    for name, score in (("ewma", "deviance"), ("oracle", "hit_rate_05"), ("true_intensity", "crps")):
        assert first.loc[name, score] == pytest.approx(summary[name, 1, "all", score])
    assert (first["kind"] == "forecaster").equals(first["in_confidence_set"].notna())
    skill = table["skill"].set_index(["forecaster", "lead", "crime_type"])
    assert first.loc["moving_average", "skill"] == pytest.approx(skill.loc[("moving_average", 1, "all"), "skill"])
    assert first.loc["true_intensity", "attained"] == pytest.approx(1)
    whole = pd.read_parquet(done.folder / "leaderboard.parquet")
    words = ["seal", "verdict", "recipe", "did_not_run"]
    read = board.fillna(dict.fromkeys(words, "")).astype({"in_confidence_set": "boolean"})
    pd.testing.assert_frame_equal(whole, read, check_dtype=False)


def test_every_table_and_the_terminal_show_the_verdict_of_the_pair(done, table):
    pairs = table["pairs"].set_index(["forecaster", "other", "lead", "crime_type"])
    opposite = {"better": "worse", "worse": "better", "tie": "tie"}
    skill = table["skill"].set_index(["forecaster", "lead", "crime_type"])
    board = table["leaderboard"].set_index(["forecaster", "lead"])
    baseline = done.parts["scoring"].baseline
    (other,) = {"moving_average", "ewma"} - {baseline}
    for (one, _, lead, kind), pair in pairs.iterrows():
        verdict = pair["verdict"] if one == other else opposite[pair["verdict"]]
        assert skill.loc[(other, lead, kind), "verdict"] == verdict
        if kind == "all":
            assert board.loc[(other, lead), "verdict"] == verdict
    assert len(pairs) == 6  # two leads, two types and their pool


def test_who_cannot_run_keeps_a_row_everywhere(done, table):
    why = "leave 1 to learn from"
    row = table["leaderboard"].set_index(["lead", "forecaster"]).loc[(1, "lightgbm")]
    assert why in row["did_not_run"]
    assert pd.isna(row["deviance"])
    assert why in table["cost"].set_index("forecaster").loc["lightgbm", "did_not_run"]
    assert table["skill"].set_index("forecaster").loc["lightgbm", "verdict"].startswith("did not run: ")
    (line,) = [line for line in done.text.splitlines() if line.startswith("lightgbm")]
    assert why in line
    for name in ("comparison.html", "table.tex"):
        assert re.search(rf"did not run: .*{why}", (done.folder / name).read_text()), name


def test_those_who_know_the_truth_are_compared_with_nobody(table):
    assert set(table["pairs"]["forecaster"]) | set(table["pairs"]["other"]) == {"ewma", "moving_average"}
    assert set(table["confidence_set"]["forecaster"]) == {"ewma", "moving_average"}
    assert set(table["calibration"]["forecaster"]) == {"ewma", "moving_average", "true_intensity"}
    for name in ("pairs", "confidence_set"):
        rows = table[name][["lead", "crime_type"]].drop_duplicates()
        assert len(rows) == 2 * (len(TYPES) + 1)


def test_seasons_are_skills_of_their_periods_alone(done, table):
    seasons = table["season_skill"]
    scores = pd.read_csv(done.folder / "scores.csv")
    assert list(dict.fromkeys(seasons["season"])) == ["January to March", "April to June"]
    spring = pd.to_datetime(scores["period"]).dt.month >= 4
    ours = ScoreTable(scores[spring], done.parts["scoring"].bootstrap).skill("ewma").reset_index(drop=True)
    theirs = seasons[seasons["season"] == "April to June"].drop(columns="season").reset_index(drop=True)
    pd.testing.assert_frame_equal(theirs, ours, check_dtype=False)


def test_costs_are_those_of_when_the_forecasts_were_made(done, table, place):
    cost = table["cost"].set_index("forecaster")
    assert list(cost.columns) == [*COSTS, "did_not_run"]
    assert cost.loc["ewma", ["fits", "forecasts"]].tolist() == [2, 8]
    assert (cost.loc["ewma", ["fit_cpu_seconds", "forecast_seconds"]] > 0).all()
    again = run_task("compare", place, *CHEAP, "backtest.horizon=2")
    theirs = Table(again.folder)["cost"].set_index("forecaster")
    assert theirs.loc["ewma", COSTS].tolist() == cost.loc["ewma", COSTS].tolist()


def test_the_page_stands_alone_with_all_its_sections(done):
    page = (done.folder / "comparison.html").read_text()
    parts = "result leaderboard pairs parts places calibration consistency methods provenance"
    assert re.findall(r'<section id="(\w+)"', page) == parts.split()
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert page.count("data:image/png") == 8
    assert "nan" not in re.sub(r"<style>.*?</style>|data:[^\"]*", "", page, flags=re.DOTALL).lower().split()
    for name in ("moving_average", "ewma", "lightgbm", "true_intensity"):
        assert done.parts["model"][name].__class__.__name__ in page


def test_the_run_is_tracked_with_scores_costs_and_files(done):
    run = done.run
    assert (run.name, run.state) == ("compare", "finished")
    assert [child.name for child in run.children] == ["moving_average", "ewma", "true_intensity"]
    for child in run.children:
        assert {"all/deviance", "all/skill", "all/skill/lead_2", "cost/fit_seconds"} <= set(child.recorded_metrics)
    kept = set(run.artifacts)
    assert kept >= {"comparison.html", "table.tex", "leaderboard.csv", "cost.csv", "figures", "intake.json"}


def test_negative_forecasts_stop_that_method_alone(tmp_path):
    models = {"ewma": run_task("compare", tmp_path, *REPLAY, "model=[ewma]").parts["model"]["ewma"], "bad": Unsound()}
    config = "+model.bad={window:52}"
    done = run_task("compare", tmp_path, *REPLAY, "model=[ewma]", config, model=models)
    (line,) = [line for line in done.text.splitlines() if line.startswith("bad")]
    assert re.search(r"did not run: The forecaster gave -\d+\.\d+ as an expected count, .* first at assault / E", line)


def test_one_forecaster_alone_is_shown_without_pairs(tmp_path):
    done = run_task("compare", tmp_path, *REPLAY, "model=[ewma]")
    page = (done.folder / "comparison.html").read_text()
    assert "There is only one forecaster" in page
    assert not (done.folder / "figures" / "critical-difference.png").exists()
    assert list(pd.read_csv(done.folder / "pairs.csv").columns)[:2] == ["forecaster", "other"]


def test_stored_forecasts_of_other_runs_join_by_name(place, tmp_path):
    run_task("backtest", tmp_path, *REPLAY, "model=[ewma]", "backtest.horizon=2", "model.ewma.reach_cells=2.0")
    run_task("backtest", tmp_path, *REPLAY, "model=[moving_average,ewma]", "backtest.horizon=2")
    done = run_task("compare", place, *REPLAY, "model=[ewma]", "backtest.horizon=2", f"runs=[{tmp_path}]")
    names = list(pd.read_csv(done.folder / "cost.csv")["forecaster"])
    (other,) = set(names) - {"ewma", "moving_average"}
    assert len(names) == 3
    assert re.fullmatch(r"ewma \([0-9a-f]{8}\)", other)
    assert "Stored forecasts of other runs: " in done.text
    page = (done.folder / "comparison.html").read_text()
    assert f"stored as moving_average in {tmp_path}" in page
    board = pd.read_csv(done.folder / "leaderboard.csv").set_index(["lead", "forecaster"])
    mine = run_task("backtest", tmp_path, *REPLAY, "model=[ewma]", "backtest.horizon=2", "model.ewma.reach_cells=2.0")
    stored = pd.read_csv(mine.folder / "summary.csv").query("lead == 1 and crime_type == 'all' and score == 'deviance'")
    wanted = stored.set_index("forecaster").loc["ewma", "value"]
    assert board.loc[(1, other), "deviance"] == pytest.approx(wanted)
    assert board.loc[(1, other), "deviance"] < board.loc[(1, "ewma"), "deviance"]
    assert [name for name in board.loc[1].index if name.startswith("ceiling")] == ["ceiling (ewma)"]  # of this run


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("grid.size=1000", r"ewma \(\w{8}\) and ewma differ in their cells: 16 and 64, \d+ of them in both; first E"),
        (
            "~data.crime_types.burglary",
            r"differ in their crime types: 1 and 2, 1 of them in both; first burglary of ewma",
        ),
        ("data.seed=2", r"differ in their (counts of [\d,]+ units: first \d+ and \d+ at assault / E|cells)"),
        ("backtest.end=2021-03-01", r"was not backtested on the same periods. It lacks \d+ of 8 cutoffs, first 2021-"),
        ("calendar.week_start=sunday", r"lacks 8 of 8 cutoffs, first 2021-"),
        ("backtest.horizon=2", r"has leads \[1, 2\] and ewma has \[1\]\. Set one backtest.horizon"),
    ],
)
def test_forecasts_of_other_cells_types_periods_and_records_are_refused(change, text, place, tmp_path):
    run_task("backtest", tmp_path, *REPLAY, "model=[ewma]", change)
    (recipe,) = (path for path in (tmp_path / "forecasts").iterdir() if path.is_dir())
    with pytest.raises(InputError, match=text) as error:
        run_task("compare", place, *REPLAY, "model=[ewma]", f"runs=[{recipe}]")
    assert "\n" not in str(error.value)


def test_the_protocol_says_who_learned_anew_at_other_times_and_which_blocks_were_longer(done, place, tmp_path):
    assert "refitted every 4, leads 1 to 2; intervals 95% from resampling blocks of 2 weeks 200 times" in done.text
    run_task("backtest", tmp_path, *CHEAP, "backtest.refit_every=1", "backtest.horizon=3")
    text = run_task("compare", place, *REPLAY, "model=[ewma]", "backtest.horizon=3", f"runs={tmp_path}").text
    assert re.search(r"refitted every 4 \(ewma \(\w{8}\): 1; moving_average: 1\), leads 1 to 3;", text)
    assert "blocks of 2 weeks, or of the lead where longer, 200 times" in text


def test_what_was_not_kept_with_a_stored_forecast_is_said_to_be_unknown(place, tmp_path):
    run_task("backtest", tmp_path, *CHEAP, "backtest.refit_every=1")
    for path in tmp_path.rglob("forecaster=moving_average/*/*.parquet"):
        rows = pq.read_table(path, partitioning=None)
        facts = {key: value for key, value in rows.schema.metadata.items() if key != b"ilp_models.terms"}
        pq.write_table(rows.replace_schema_metadata(facts), path)
    text = run_task("compare", place, *REPLAY, "model=[ewma]", f"runs={tmp_path}").text
    assert re.search(r"refitted every 4 \(ewma \(\w{8}\): 1; moving_average: unknown, as is its delay\), leads", text)


def test_forecasts_that_knew_more_are_refused_and_a_delay_is_told(place, tmp_path):
    late = ("data.reporting_delay_days=7", "backtest.end=2021-03-28", "model=[ewma]")
    run_task("backtest", tmp_path, *REPLAY, *late[1:])
    (recipe,) = (path for path in (tmp_path / "forecasts").iterdir() if path.is_dir())
    text = (
        r"ewma in \S+ did not know the last 0 period\(s\) .* "
        r"forecasters of this run did not know the last 1\. One of them knew more"
    )
    with pytest.raises(InputError, match=text):
        run_task("compare", place, *REPLAY, *late, f"runs=[{recipe}]")
    alone = run_task("compare", tmp_path, *REPLAY, *late, "backtest.horizon=2")
    assert "at the start of each week, when the last week was not yet known, refitted every 4, leads" in alone.text
    assert "blocks of 2 weeks, or of lead plus 1 where longer, 200 times" in alone.text


def test_of_a_folder_of_results_those_with_the_same_cutoffs_take_part_and_the_others_are_listed(place, tmp_path):
    means = ("model=[moving_average]", "scoring.baseline=moving_average")
    run_task("backtest", tmp_path, *REPLAY, *means)
    run_task("backtest", tmp_path, *REPLAY, "model=[ewma]", "backtest.end=2021-03-01")
    partial = run_task("backtest", tmp_path, *REPLAY, *means, "model.moving_average.window=20")
    recipe = partial.run.children[0].recorded_tags["stored_as"]
    next((tmp_path / "forecasts" / recipe).rglob("*.parquet")).unlink()
    done = run_task("compare", place, *REPLAY, "model=[ewma]", f"runs={tmp_path}")
    assert list(pd.read_csv(done.folder / "cost.csv")["forecaster"]) == ["ewma", "moving_average"]
    assert "2 stored forecaster(s) excluded: cutoffs missing." in done.text
    page = (done.folder / "comparison.html").read_text()
    for line in (rf"moving_average in \S*{recipe} lacks 1 of 8 cutoffs\.", r"ewma in \S* lacks \d of 8 cutoffs\."):
        assert re.search(line, done.text)
        assert re.search(line, page)


@pytest.mark.parametrize("runs", ["runs={}", "runs=[{}]"])
def test_a_folder_without_stored_forecasts_is_named_before_the_records_are_read(tmp_path, runs):
    with pytest.raises(InputError, match=rf"runs: {tmp_path} has no stored forecasts. Name a folder of results"):
        run_task("compare", tmp_path / "out", *REPLAY, "model=[ewma]", runs.format(tmp_path), data=None)
