"""Forecasts of rivals: read from files, joined with a backtest, scored as ours are, and each mistake named."""

import json
from dataclasses import replace
from datetime import timedelta

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.register.register import Register
from ilp_models.compute.local import LocalProcesses
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.digest import file_digest
from ilp_models.domain.errors import InputError
from ilp_models.domain.forecast import QUANTILE_COLUMNS
from ilp_models.domain.panel import DIMS
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline import forecast_seal
from ilp_models.pipeline.backtesting import run_backtest
from ilp_models.pipeline.comparison import compare_forecasts
from ilp_models.pipeline.forecast_seal import seal_forecasts
from ilp_models.pipeline.rival_forecasts import with_rivals
from ilp_models.report.comparison.leaderboard import latex_table
from ilp_models.scoring.scores import Scoring
from ilp_models.stats.bootstrap import Bootstrap
from ilp_models.stats.distributions import fit_dispersion
from ilp_models.tracking.trial_record import TrialRecord
from tests.pipeline.small_city import run_task

KEYS = ["crime_type", "cell", "period", "lead"]
ONE_JOB = LocalProcesses(jobs=1)


@pytest.fixture(scope="module")
def backtest(tmp_path_factory):
    """Return a backtest of two means over eight weeks, one and two weeks ahead."""
    types = {"assault": SimulatedType(6500), "burglary": SimulatedType(5000)}
    events = SimulatedCity(size_km=3, districts=2, weeks=60, population=30_000, crime_types=types).read()
    models = {"moving_average": MovingAverage(), "ewma": EWMA()}
    plan = {"test_periods": 8, "horizon": 2, "scoring": Scoring(bootstrap=Bootstrap(2, 100))}
    return run_backtest(
        models, events, SquareGrid(500), **plan, compute=ONE_JOB, store=tmp_path_factory.mktemp("forecasts")
    )


def stored_table(backtest, name="ewma"):
    """Return the forecasts of one forecaster in the shape of stored forecasts, with the dispersion."""
    parts = []
    for one in (one for one in backtest.replays if one.forecaster == name):
        part = one.expected.to_series().rename("expected").reset_index()
        for column, values in zip(QUANTILE_COLUMNS, one.quantiles.values, strict=True):
            part[column] = values.ravel()
        part["dispersion"] = one.dispersion.broadcast_like(one.expected).transpose(*DIMS).values.ravel()
        part["observed"] = one.observed.values.ravel()
        start = part["period"].dt.start_time
        cutoff = start - pd.Timedelta(7 * (one.lead - 1), "D")
        parts.append(part.assign(lead=one.lead, period=start, cutoff=cutoff))
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0, ignore_index=True)


@pytest.fixture(scope="module")
def week_ahead(backtest):
    """Return the same backtest without forecasts two weeks ahead."""
    return replace(backtest, replays=tuple(one for one in backtest.replays if one.lead == 1))


@pytest.fixture(scope="module")
def table(backtest):
    return stored_table(backtest)


def join(backtest, table, folder, name="rival.csv", **settings):
    """Return the backtest with one file of forecasts."""
    path = folder / name
    table.to_parquet(path) if name.endswith("parquet") else table.to_csv(path, index=False)
    settings = {"dispersion": "omit", "register": None} | settings
    return with_rivals(backtest, [str(path)], **settings)


def scores_of(backtest, name):
    rows = backtest.scores.table[backtest.scores.table["forecaster"] == name]
    return rows.drop(columns="forecaster").sort_values(["score", "crime_type", "lead", "period"], ignore_index=True)


@pytest.mark.parametrize("name", ["ours.parquet", "ours.csv"])
def test_our_own_forecasts_handed_in_as_a_rival_have_equal_scores_to_the_bit(name, backtest, table, tmp_path):
    joined = join(backtest, table, tmp_path, name)
    pd.testing.assert_frame_equal(scores_of(joined, "ours"), scores_of(backtest, "ewma"), check_exact=True)
    assert "Forecasts of rivals: ours (unsealed; with dispersion)." in joined.protocol


def test_expected_counts_with_decimal_commas_have_every_score_that_needs_no_distribution(week_ahead, table, tmp_path):
    path = tmp_path / "Plain Means.csv"
    table.loc[table["lead"] == 1, ["crime_type", "cell", "cutoff", "lead", "expected"]].to_csv(
        path, index=False, sep=";", decimal=","
    )
    record = TrialRecord(str(tmp_path / "trials.csv"), who="A. Analyst")
    result = compare_forecasts(week_ahead, forecasts=str(path), compute=ONE_JOB, trials=record)
    (line,) = record.read().to_dict("records")
    assert (line["who"], line["task"], line["forecaster"]) == ("A. Analyst", "compare", "Plain Means")
    assert json.loads(line["settings"])["files"] == {path.name: file_digest(path)}
    board = result.leaderboard.set_index("forecaster")
    ours, theirs = board.loc["ewma"], board.loc["Plain Means"]
    assert line["value"] == pytest.approx(theirs["deviance"], rel=1e-9)
    for score in ("deviance", "hit_rate_05", "pai_area", "sum_ratio", "displacement_05"):
        assert theirs[score] == ours[score], score
    assert theirs[["log_score", "crps", "brier_any", "coverage_90"]].isna().all()
    assert (ours["seal"], theirs["seal"], board.loc["oracle", "seal"]) == ("replayed", "unsealed", "")
    assert set(result.calibration["forecaster"]) == {"ewma", "moving_average", "Plain Means"}
    for part in (result.pit, result.coverage):
        assert set(part["forecaster"]) == {"ewma", "moving_average"}
    tests = result.consistency[result.consistency["forecaster"] == "Plain Means"]
    assert set(tests["distribution"]) == {"poisson"}
    (row,) = [line for line in latex_table(result.leaderboard, "ewma", "").splitlines() if "Plain Means" in line]
    assert row.count("--") == 3  # log score, CRPS and seconds of a fit
    assert "Plain Means (unsealed)" in row


def test_a_fitted_dispersion_knows_only_earlier_counts_and_is_in_the_name(backtest, table, tmp_path):
    plain = table[[*KEYS, "expected"]]
    joined = join(backtest, plain, tmp_path, dispersion="fitted")
    name = "rival (fitted dispersion)"
    for one in (one for one in joined.replays if one.forecaster == name):
        spread = one.dispersion.values
        assert (spread[:, : 3 + one.lead] == 0).all()  # fewer than four test weeks were known at these cutoffs
        place = 5 + one.lead
        if place < spread.shape[1]:
            known = slice(None, place - one.lead + 1)
            wanted = fit_dispersion(one.observed.values[0, :, known], one.expected.values[0, :, known])
            assert spread[0, place] == wanted
    assert {"log_score", "crps"} <= set(scores_of(joined, name)["score"])
    later = np.array(next(one.observed.values for one in backtest.replays if one.lead == 1))
    later[:, :, -1] += 9  # of the last week: no forecast may depend on it
    changed = replace(
        backtest,
        replays=tuple(
            replace(one, observed=one.observed.copy(data=np.where(one.lead == 1, later, one.observed.values)))
            for one in backtest.replays
            if one.lead == 1
        ),
    )
    other = join(changed, plain[plain["lead"] == 1], tmp_path, dispersion="fitted")
    np.testing.assert_array_equal(
        next(one for one in other.replays if one.forecaster == name).dispersion.values,
        next(one for one in joined.replays if one.forecaster == name).dispersion.values,
    )


def test_quantiles_and_samples_have_the_scores_that_follow_from_them(backtest, table, tmp_path):
    quantiles = join(backtest, table[[*KEYS, "expected", *QUANTILE_COLUMNS]], tmp_path, "q.parquet")
    ours = scores_of(backtest, "ewma")
    theirs = scores_of(quantiles, "q")
    missing = set(ours["score"]) - set(theirs["score"])
    assert missing == {"log_score", "crps", "brier_any", "log_any"}
    kept = ours[~ours["score"].isin(missing)].reset_index(drop=True)
    pd.testing.assert_frame_equal(theirs, kept, check_exact=True)
    draws = np.random.default_rng(0).poisson(np.repeat(table[["expected"]].to_numpy(), 40, axis=1))
    wide = table[KEYS].join(pd.DataFrame(draws, columns=[f"sample_{number}" for number in range(1, 41)]))
    drawn = join(backtest, wide, tmp_path, "drawn.parquet")
    scores = scores_of(drawn, "drawn").groupby("score")["value"].mean()
    assert "log_score" not in scores
    assert scores["crps"] == pytest.approx(ours.groupby("score")["value"].mean()["crps"], rel=0.05)
    long = wide.melt(KEYS, var_name="sample", value_name="value")
    long["sample"] = long["sample"].str.removeprefix("sample_")
    again = join(backtest, long, tmp_path, "long.parquet")
    pd.testing.assert_frame_equal(scores_of(again, "long"), scores_of(drawn, "drawn"))


def test_cells_by_geometry(backtest, table, tmp_path):
    cells = gpd.GeoDataFrame(
        {"cell": backtest.grid.cells, "geometry": backtest.grid.geometry}, crs=backtest.grid.crs
    ).to_crs("EPSG:4326")
    plain = table[[*KEYS, "expected"]].merge(pd.DataFrame(cells), on="cell").drop(columns="cell")
    gpd.GeoDataFrame(plain, crs="EPSG:4326").to_parquet(tmp_path / "degrees.parquet")
    joined = with_rivals(backtest, str(tmp_path / "degrees.parquet"), "omit", None)
    ours = scores_of(backtest, "ewma")
    ours = ours[ours["score"].isin(set(scores_of(joined, "degrees")["score"]))].reset_index(drop=True)
    pd.testing.assert_frame_equal(scores_of(joined, "degrees"), ours, check_exact=True)
    moved = dict(zip(backtest.grid.cells, backtest.grid.geometry, strict=True))
    wkt = table.assign(geometry=[moved[cell].buffer(3).envelope.wkt for cell in table["cell"]]).drop(columns="cell")
    with pytest.raises(InputError, match=r"geometry='POLYGON.* is not a cell .*, nor are \d+ other v.* within 1 m"):
        join(backtest, wkt, tmp_path)


def spoil(column, value, row=2):
    """Return a function that changes one value of a table."""

    def change(table):
        table = table.astype({column: object})
        table.loc[row, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (spoil("cell", "E0N0"), r"row 3: cell='E0N0' is not a cell of the backtest\. The backtest"),
        (spoil("crime_type", "burgalry"), r"row 3: crime_type='burgalry' is unknown \(did you mean 'burglary'\?\)"),
        (
            lambda table: table.drop(index=[1, 4]),
            r"rival lacks 2 of [\d,]+ units, first \w+ / E\w+ / 20\d\d-\S+ at",
        ),
        (lambda table: pd.concat([table, table[:1]]), r"rival has 2 forecasts of .*; 1 unit\(s\) are listed twice"),
        (spoil("expected", -0.5), r"row 3: expected=-0\.5 is not a number from 0 to 1e\+06; 1 row\(s\)"),
        (spoil("expected", "nan"), r"row 3: expected='nan' is not a number"),
        (spoil("expected", "inf"), r"row 3: expected=inf is not a number from 0"),
        (spoil("expected", "1,234.5"), r"row 3: expected='1,234\.5' is not a number\. .* without thousands separators"),
        (spoil("expected", "=1+1"), r"row 3: expected='=1\+1' is not a number"),
        (spoil("dispersion", 1e300), r"row 3: dispersion=1e\+300 is not a number from 0"),
        (spoil("q25", 99.0), r"row 3: q25 is above q50"),
        (spoil("observed", 77), r"row 3: observed=77, and the records have \d+; 1 row\(s\) differ"),
        (spoil("lead", 3), r"row 3: lead=3 is not forecast here: the leads are \[1, 2\]"),
        (spoil("period", "03/01/2021"), r"row 3: period='03/01/2021' is not a date"),
        (spoil("period", "2021-03-03"), r"row 3: period=2021-03-03 .* is not the start of a week; that week starts on"),
        (spoil("period", "2019-01-07"), r"row 3: cutoff=\S+ is after the start of period=2019-01-07: .* has seen"),
        (lambda t: t.assign(lead=3 - t["lead"]), r"row 1: lead=\d does not fit cutoff and period, which give lead \d"),
        (lambda t: t.drop(columns=["lead", "cutoff"]), r"no column lead, and the backtest has the leads \[1, 2\]"),
        (lambda t: t.drop(columns="expected"), r"no column expected; the file has .*docs/comparison\.md"),
        (lambda t: t.drop(columns="q75"), r"a column q05 and none of q75\. Give all five"),
        (lambda t: t.assign(victim_age=30), r"the column 'victim_age' looks like personal data"),
        (lambda t: t.assign(forecaster="oracle"), r"the forecaster name 'oracle' cannot be used"),
        (lambda t: t.assign(forecaster="a\x1b[2J"), r"the forecaster name 'a\\+x1b\[2J' cannot be used"),
        (lambda t: t.assign(sample_1=1.0), r"has samples and also quantiles or a dispersion"),
        (lambda t: t[[*KEYS, "expected"]].assign(sample_1=1.0), r"has 1 samples\. Give at least 20"),
        (lambda t: t[:0], r"has no rows"),
    ],
)
def test_a_mistake_is_named_with_file_row_and_remedy(change, text, backtest, table, tmp_path):
    with pytest.raises(InputError, match=text) as error:
        join(backtest, change(table.copy()), tmp_path)
    assert str(tmp_path / "rival.csv") in str(error.value)
    assert "\n" not in str(error.value)


def test_other_periods_and_files_that_cannot_be_read_are_named(backtest, table, tmp_path):
    early = table.assign(**{name: table[name] - pd.Timedelta(70, "D") for name in ("period", "cutoff")})
    with pytest.raises(InputError, match=r"the period of period=20\d\d-\S+ at lead \d is not tested: [\d,]+ row\(s\)"):
        join(backtest, early.drop(columns="observed"), tmp_path)
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 and then nothing PAR1")
    (tmp_path / "empty.csv").write_text("")
    for name, text in (("damaged.parquet", "cannot be read as Parquet"), ("empty.csv", "is empty"), ("", "a folder")):
        with pytest.raises(InputError, match=text):
            with_rivals(backtest, str(tmp_path / name), "omit", None)
    with pytest.raises(InputError, match="rival_dispersion='guessed' is unknown"):
        join(backtest, table, tmp_path, dispersion="guessed")


def test_names_that_are_taken_have_digits_and_parts_of_one_rival_are_joined(backtest, table, tmp_path):
    plain = table[[*KEYS, "expected"]].assign(forecaster="ewma")
    paths = [str(tmp_path / name) for name in ("week1.csv", "week2.csv")]
    early = plain["period"] < plain["period"].median()
    plain[early].to_csv(paths[0], index=False)
    plain[~early].to_csv(paths[1], index=False)
    joined = with_rivals(backtest, paths, "omit", None)
    (rival,) = joined.rivals
    assert rival.name.startswith("ewma (")
    assert len(rival.files) == 2
    plain.to_csv(paths[1], index=False)
    with pytest.raises(InputError, match=r"week1\.csv and \S+week2\.csv: ewma has 2 forecasts of .* column forecaster"):
        with_rivals(backtest, paths, "omit", None)


def test_a_copy_of_the_counts_is_told_from_a_forecast(backtest, table, tmp_path):
    plain, counts = table[[*KEYS, "expected"]], table["observed"]
    some = plain.assign(expected=np.where((counts > 0) & (np.arange(len(counts)) % 10 == 0), counts, plain["expected"]))
    near = plain.assign(expected=0.5 * (counts + plain["expected"]), dispersion=2.0)
    texts = {"some": "of its expected counts at lead 1 are within 1e-09 of a whole number", "near": "its error (0."}
    for name, copy in (("some", some), ("near", near)):
        joined = join(backtest, copy, tmp_path, f"{name}.csv")
        assert f"Check {name}: " in joined.protocol
        assert texts[name] in joined.protocol
        assert joined.scores.bounds == backtest.scores.bounds  # no ceiling rests on it
    assert "Check honest" not in join(backtest, plain, tmp_path, "honest.csv").protocol


class Seer(MovingAverage):
    """A forecaster that knows the recorded counts."""

    counts = None

    def _predict(self, periods, steps):
        expected, dispersion = super()._predict(periods, steps)
        return np.broadcast_to(self.counts.sel(period=periods).values, expected.shape), dispersion


def test_stored_forecasts_of_other_runs_have_the_same_check(backtest, tmp_path, monkeypatch):
    monkeypatch.setattr(Seer, "counts", backtest.replays[0].observed)
    settings = {"test_periods": 8, "scoring": backtest.scoring, "compute": ONE_JOB}
    shared = (backtest.events, SquareGrid(500))
    models = {"ewma": EWMA(), "seer": Seer()}
    own = run_backtest(models, *shared, store=tmp_path / "forecasts", **settings)
    assert own.warnings == ()  # each of its forecasts was made in the run
    joined = run_backtest({"ewma": EWMA()}, *shared, stored=str(tmp_path), store=backtest.store, **settings)
    (text,) = joined.warnings
    assert text.startswith("Check seer: ")
    assert text in joined.protocol


def test_an_expected_count_must_be_the_mean_of_the_samples(week_ahead, table, tmp_path):
    one = table[table["lead"] == 1].reset_index(drop=True)
    draws = np.random.default_rng(1).poisson(np.repeat(one[["expected"]].to_numpy(), 50, axis=1))
    drawn = one[[*KEYS, "expected"]].join(pd.DataFrame(draws, columns=[f"sample_{n}" for n in range(1, 51)]))
    join(week_ahead, drawn, tmp_path)  # differs by chance only
    moved = drawn.assign(expected=drawn.groupby(["crime_type", "period"])["expected"].transform(lambda x: x.max() - x))
    for wrong in (drawn.assign(expected=1.5 * drawn["expected"]), drawn.assign(expected=one["observed"]), moved):
        with pytest.raises(InputError, match=r"row \d+: expected=\S+, and the mean of the 50 samples is \S+ \(\w+ / E"):
            join(week_ahead, wrong, tmp_path)


def test_a_seal_needs_a_register_from_before_the_first_period(backtest, table, tmp_path, monkeypatch):
    plain, path = table[[*KEYS, "expected"]], tmp_path / "rival.csv"
    plain.to_csv(path, index=False)
    begins = backtest.replays[0].periods[0].start_time.tz_localize("UTC").to_pydatetime() - timedelta(days=2)

    def seal_of(register):
        (rival,) = with_rivals(backtest, str(path), "omit", register).rivals
        return rival.seal

    late, early = Register(tmp_path / "late.jsonl"), Register(tmp_path / "early.jsonl")
    seal_forecasts(path, register=late)
    assert seal_of(late) == "unsealed"  # after the counts were known
    monkeypatch.setattr(forecast_seal, "now", lambda: begins)
    with pytest.raises(InputError, match=r"author='a\\\\x1b\[2J' cannot be used"):
        seal_forecasts(path, author="a\x1b[2J")
    manifest = seal_forecasts(path, author="Team 7")
    assert with_rivals(backtest, str(path), "omit", None).rivals[0].author == "Team 7"
    assert seal_of(None) == seal_of(early) == "stated"
    seal_forecasts(path, register=early)
    assert (seal_of(early), seal_of(late)) == ("sealed", "stated")
    later = begins + timedelta(days=4)  # after the first cutoff: forecasts at lead 2 alone could know a week more
    monkeypatch.setattr(forecast_seal, "now", lambda: later)
    parts = [tmp_path / f"lead-{lead}.csv" for lead in (1, 2)]
    for lead, part in enumerate(parts, start=1):
        plain[plain["lead"] == lead].assign(forecaster="parts").to_csv(part, index=False)
        seal_forecasts(part)
    monkeypatch.setattr(forecast_seal, "now", lambda: begins)
    seal_forecasts(parts[0])
    monkeypatch.setattr(forecast_seal, "now", lambda: later)
    (rival,) = with_rivals(backtest, list(map(str, parts)), "omit", None).rivals
    assert rival.seal == "unsealed"
    plain.assign(expected=1.0).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"file was changed after the manifest was made"):
        seal_of(early)
    facts = json.loads(manifest.read_text())
    changes = ({"made_at": "2021-01-01"}, {"file": "other.csv"}, {"author": ["a"]})
    for spoiled in (*(facts | one for one in changes), {"file": "rival.csv"}):
        manifest.write_text(json.dumps(spoiled))
        with pytest.raises(InputError, match="The manifest"):
            seal_of(early)


def test_the_task_shows_rivals_in_the_terminal_the_page_and_every_table(tmp_path):
    settings = ("backtest.test_periods=4", "model=[ewma]", "data.weeks=60")
    before = run_task("backtest", tmp_path, *settings)
    scored = pd.concat(map(pd.read_parquet, tmp_path.rglob("part-0.parquet")))
    path = tmp_path / "=HYPERLINK(1).csv"
    keys = ["crime_type", "cell", "period"]
    both = [scored[[*keys, "expected"]], scored[keys].assign(expected=scored["observed"], forecaster="seen")]
    pd.concat([both[0].assign(forecaster=path.stem), both[1]]).to_csv(path, index=False)
    seal_forecasts(path, author="=Team 7")
    done = run_task("compare", tmp_path, *settings, f"forecasts=['{path}']")
    lines = TrialRecord(str(tmp_path / "trials" / "run.csv")).read()
    lines = lines[lines["task"] == "compare"].set_index("forecaster")
    assert list(lines.index) == ["ewma", "'=HYPERLINK(1)", "seen"]
    assert lines["who"].tolist() == [TrialRecord().person, "'=Team 7", "'=Team 7"]
    assert lines["value"].iloc[2] < lines["value"].iloc[1] == lines["value"].iloc[0]
    line = next(line for line in done.text.splitlines() if line.startswith("=HYPERLINK(1)"))
    assert line.endswith("  unsealed")
    board = pd.read_csv(done.folder / "leaderboard.csv").set_index("forecaster")
    assert board.loc["'=HYPERLINK(1)", "deviance"] == board.loc["ewma", "deviance"]
    page = (done.folder / "comparison.html").read_text()
    assert '=HYPERLINK(1) <span class="tag">unsealed</span>' in page
    assert f"handed in as {path}" in page
    assert "<li>Check seen: " in page
    assert "HYPERLINK" not in before.text
    both[0].rename(columns={"expected": "forecast"}).to_csv(tmp_path / "wrong.csv")
    with pytest.raises(InputError, match=r"wrong\.csv: no column expected"):
        run_task("compare", tmp_path, *settings, f"forecasts=[{tmp_path / 'wrong.csv'}]", data=None)  # before any work
