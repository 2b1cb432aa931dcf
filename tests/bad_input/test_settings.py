"""Misspelled settings: the closest match is named before anything is read or written."""

import re

import pytest

from ilp_models.domain.errors import InputError
from tests.bad_input.run_commands import OWN_DATA, WEEKLY, finished_runs, run_in_process, start, wait_for


@pytest.mark.parametrize(
    ("word", "code", "line"),
    [
        (
            "backtest.test_period=4",
            2,
            r"Could not override 'backtest.test_period'. Did you mean backtest.test_periods\?",
        ),
        ("data.columns.lattitude=Lat", 2, r"Could not override .*. Did you mean data.columns.lat\?"),
        ("bactest=rolling", 2, r".*Did you mean backtest\?"),
        ("grid=square", 2, r".*Could not find 'grid/square'. Did you mean grid=squares\?"),
        ("model=[ewma,lightgb]", 2, r".*Could not load 'model/lightgb'. Did you mean model=lightgbm\?"),
        ("data=toronot", 2, r".*Did you mean data=toronto\?"),
        ("experiment=simulated-cty", 2, r".*Did you mean experiment=simulated-city\?"),
        ("calendar.period_unit=wek", 1, r"calendar.period_unit='wek' is unknown; choose one of week, day, month.*"),
        ("data.time_zone=America/Toronot", 1, r".*did you mean 'America/Toronto'\?.*"),
        (
            "forecaster=lightgbm",
            1,
            r"forecaster=lightgbm is not among the models .*\. Add it, 'model=\[.*lightgbm\]', .*",
        ),
        ("audit.baseline=average", 1, r"audit.baseline=average is not among the models .*"),
        ("scoring.baseline=average", 1, r"scoring.baseline=average is not among the models .*"),
        ("backtest.test_periods=0", 1, r"backtest.test_periods=0 must be at least 1.*"),
        ("backtest.test_periods=many", 2, r"backtest.test_periods=many must be a number, such as 52."),
        ("model.ewma.reach_cells=far", 2, r"model.ewma.reach_cells=far must be a number, such as 1.0."),
        ("model.moving_average.window=0", 1, r".*window=0 must be at least 1 period."),
        ("audit.land_share=2", 1, r"audit needs 0 < land_share < 1.*"),
        (
            "export.formats=[shapefile]",
            1,
            r"export.formats=\['shapefile'\] is not valid\. Choose from parquet, gpkg, .*",
        ),
        ("data.separator=;", 2, r"Cannot read the setting .*, as in \"data.separator=';'\"."),
        ("data.path=???", 2, r"The setting data.path is required. Add data.path=VALUE."),
    ],
)
def test_a_misspelled_setting_gets_a_suggestion(ilp, folder, word, code, line):
    kept = [one for one in WEEKLY if one.partition("=")[0] != word.partition("=")[0] or "model=" in one]
    result = ilp(*kept, word)
    assert result.code == code, result
    assert re.fullmatch(f"ilp: {line}", result.error_line), result.error_line
    assert result.out == ""
    assert finished_runs(folder) == []
    assert not list(folder.rglob("*.parquet"))


def test_a_text_setting_accepts_words(ilp):
    result = ilp(*WEEKLY, "name=52", "data.source=7", "--cfg", "job")
    assert result.code == 0
    assert result.err == ""


def test_the_traceback_is_shown_on_request(folder):
    result = wait_for(start(folder, "weekly", *OWN_DATA, "data.path=crime.csv", "--debug"))
    assert result.code == 1
    assert "Traceback" in result.err
    assert "data/file_format.py" in result.err
    assert result.err.strip().endswith("check the spelling.")


def test_the_traceback_is_shown_with_a_variable(folder, monkeypatch):
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(InputError, match="check the spelling"):
        run_in_process("weekly", *OWN_DATA, "data.path=crime.csv")
