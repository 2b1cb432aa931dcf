"""The script of the README and the style guide, on few bundled records."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame

import ilp_models as ilp

TREES = {"n_estimators": 10, "min_child_samples": 500, "train_periods": 60, "holdout": 8}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Return a CSV file of two years of bundled records, in the columns of a police export."""
    table = ilp.load_toronto("2018-01-01", "2020-01-06").table
    path = tmp_path_factory.mktemp("records") / "crimes.csv"
    names = {"occurred_at": "Date", "crime_type": "Offence", "x": "Easting", "y": "Northing", "area": "Beat"}
    table[list(names)].rename(columns=names).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def events(records):
    columns = {"occurred_at": "Date", "crime_type": "Offence", "x": "Easting", "y": "Northing", "area": "Beat"}
    return ilp.read_events(records, columns=columns, crs="EPSG:32617", time_zone="America/Toronto")


@pytest.fixture(scope="module")
def residents(events, tmp_path_factory):
    """Return a CSV file of invented residents by neighbourhood."""
    areas, rng = sorted(events.table["area"].dropna().unique()), np.random.default_rng(0)
    rows = [(area, "income", group, int(count)) for area in areas for group, count in
            zip(("low", "high"), rng.integers(2000, 9000, 2), strict=True)]  # fmt: skip
    path = tmp_path_factory.mktemp("residents") / "residents.csv"
    pd.DataFrame(rows, columns=["area", "dimension", "group", "population"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def models():
    return {"mean": ilp.MovingAverage(), "ewma": ilp.EWMA(), "lightgbm": ilp.LightGBM(**TREES)}


@pytest.fixture(scope="module")
def grid():
    return ilp.SquareGrid(2000)


@pytest.fixture(scope="module")
def backtest(models, events, grid, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return ilp.run_backtest(models, events, grid, test_periods=8, store=store, compute=ilp.LocalProcesses(1))


@pytest.fixture(scope="module")
def forecast(models, events, grid):
    return ilp.make_forecast(models["lightgbm"], events, grid, horizon=1)


@pytest.fixture(scope="module")
def audit(backtest, forecast, residents):
    explanation = ilp.explain_forecast(forecast)
    rule = ilp.TopAreas(share=0.05)
    return ilp.audit_plan(backtest, forecast, explanation, rule=rule, baseline="mean", residents=str(residents))


def test_events_report_their_intake(events):
    assert events.intake.rows_kept == len(events)
    assert "EPSG:32617" in repr(events)


def test_a_backtest_shows_skill_and_stores_forecasts(backtest, models, events, grid, tmp_path):
    skill = backtest.skill("ewma")
    assert {"forecaster", "skill", "low", "high", "verdict"} <= set(skill)
    assert set(backtest.to_frame()["forecaster"]) == set(models)
    again = ilp.run_backtest(
        {"other name": models["ewma"]}, events, grid, test_periods=8, store=tmp_path, compute=ilp.LocalProcesses(1)
    )
    assert again.replay_of("other name").expected.equals(backtest.replay_of("ewma").expected)
    assert "ewma" in repr(backtest)
    assert "<table" in backtest._repr_html_()


def test_other_settings_never_reuse_stored_forecasts(backtest, events, grid, tmp_path):
    options = {"test_periods": 2, "store": tmp_path, "compute": ilp.LocalProcesses(1)}
    first = ilp.run_backtest({"m": ilp.MovingAverage(52)}, events, grid, **options)
    second = ilp.run_backtest({"m": ilp.MovingAverage(4)}, events, grid, **options)
    assert not first.replay_of("m").expected.equals(second.replay_of("m").expected)
    assert first.scoring.baseline == "m"


def test_a_comparison_shows_its_leaderboard(backtest):
    result = ilp.compare_forecasts(backtest, compute=ilp.LocalProcesses(1))
    assert set(result.to_frame()["forecaster"]) >= {"mean", "ewma", "lightgbm"}
    assert result.plot().axes


def test_a_forecast_writes_and_draws_itself(forecast, tmp_path):
    path = forecast.to_file(tmp_path / "grid.csv", register=tmp_path / "register.jsonl")
    table = pd.read_csv(path)
    assert set(table["grade"]) == {"research"}
    assert table["expected"].sum() == pytest.approx(float(forecast.forecast.expected.sum()), rel=1e-4)
    assert not (tmp_path / "register.jsonl").exists()
    book = pd.read_excel(forecast.to_file(tmp_path / "grid.xlsx"), sheet_name=None, engine="calamine")
    assert list(book) == ["grid", "areas", "change", "caveats"]
    assert len(book["grid"]) == len(table)
    assert forecast.plot("Assault").axes
    assert forecast.to_xarray().dims == ("crime_type", "cell", "period")
    assert len(forecast.to_frame()) == forecast.to_xarray().size
    with pytest.raises(ilp.InputError, match="ends in no known format"):
        forecast.to_file(tmp_path / "grid.docx")


def test_an_audit_finds_the_forecaster_by_its_recipe(audit, forecast):
    assert forecast.name == "LightGBM"
    assert audit.report.forecaster == "lightgbm"
    assert audit.settings.land_share == 0.05


def test_the_explanation_of_a_forecast_belongs_to_the_audit(audit):
    assert audit.audit_input.explanation.forecaster == "lightgbm"
    states = audit.to_frame().set_index("check")["state"]
    assert states["shap_additivity"] != "insufficient"


def test_residents_in_memory_are_those_of_a_file(audit, backtest, forecast, residents):
    table = pd.read_csv(residents)
    again = ilp.audit_plan(backtest, forecast, baseline="mean", residents=table)
    assert again.settings.groups.digest() == audit.settings.groups.digest()


def test_the_metric_frame_of_an_audit_is_that_of_fairlearn(audit):
    frame = audit.metric_frame("Assault")
    assert isinstance(frame, MetricFrame)
    assert set(frame.by_group) == {"exposure", "coverage", "error"}
    assert set(frame.by_group.index) == {"low", "high"}
    assert (frame.ratio() <= 1).all()


def test_a_withheld_decision_leaves_research_files_and_a_line(audit, forecast, tmp_path):
    decision = ilp.decide(audit)
    assert not decision.admitted
    register = tmp_path / "register.jsonl"
    path = audit.forecast.to_file(tmp_path / "grid.csv", decision=decision, register=register)
    assert set(pd.read_csv(path)["grade"]) == {"research"}
    assert len(register.read_text().splitlines()) == 1
    named = ilp.decide(audit, governance={"purpose": "tests", "owner": "O. Wner"})
    assert named.report.header["governance"]["owner"] == "O. Wner"
    with pytest.raises(ilp.InputError, match=r"governance=Ellipsis is not a statement\. Give ilp\.Governance"):
        ilp.decide(audit, governance=...)


def test_the_audit_report_is_one_page(audit, tmp_path):
    page = audit.to_html(tmp_path / "audit.html").read_text(encoding="utf-8")
    assert "lightgbm" in page


def test_a_forecast_of_another_model_is_refused(backtest, events, grid):
    other = ilp.make_forecast(ilp.MovingAverage(4), events, grid)
    with pytest.raises(ilp.InputError, match=r"was not backtested \(mean, ewma, lightgbm were\)"):
        ilp.audit_plan(backtest, other)


def test_errors_are_those_that_python_users_expect(events, grid):
    from sklearn.exceptions import NotFittedError

    with pytest.raises(ValueError, match=r"test_periods=0 must be a whole number, at least 1"):
        ilp.run_backtest({"mean": ilp.MovingAverage()}, events, grid, test_periods=0)
    with pytest.raises(NotFittedError):
        ilp.EWMA().predict(pd.period_range("2020-01-06", periods=1, freq="W-SUN"))


def test_a_horizon_below_one_is_refused_before_anything_is_fitted(events, grid):
    with pytest.raises(ilp.InputError, match=r"^horizon=0 must be at least 1\.$"):
        ilp.make_forecast(ilp.LightGBM(), events, grid, horizon=0)
