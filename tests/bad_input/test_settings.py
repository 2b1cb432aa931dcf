"""Misspelled settings: the closest match is named before anything is read or written."""

import re

import pandas as pd
import pytest
import yaml

from ilp_models.domain.errors import InputError
from tests.bad_input.run_commands import MODELS, OWN_DATA, QUICK, WEEKLY, finished_runs, run_in_process, start, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("word", "code", "line"),
    [
        (
            "backtest.test_period=4",
            2,
            r"There is no setting backtest.test_period. Did you mean backtest.test_periods\?",
        ),
        (
            "data.columns.lattitude=Lat",
            2,
            r"There is no setting data.columns.lattitude. Did you mean data.columns.lat\?",
        ),
        ("bactest=rolling", 2, r".*Did you mean backtest\?"),
        ("grid=square", 2, r"There is no option grid=square. Did you mean grid=squares\?"),
        ("model=[ewma,lightgb]", 2, r"There is no option model=lightgb. Did you mean model=lightgbm\?"),
        ("data=toronot", 2, r".*Did you mean data=toronto\?"),
        ("experiment=simulated-cty", 2, r".*Did you mean experiment=simulated-city\?"),
        ("calendar.period_unit=wek", 1, r"calendar.period_unit='wek' is unknown; choose one of week, day, month.*"),
        ("data.time_zone=America/Toronot", 1, r".*did you mean 'America/Toronto'\?.*"),
        (
            "forecaster=lightgbm",
            1,
            r"forecaster=lightgbm is not among the models: .*, or add it with 'model=\[.*lightgbm\]'\.",
        ),
        ("forecaster=nope", 1, r"forecaster=nope is not among the models: [a-z_, ]+\. Name one of them\."),
        ("forecaster=ewmaa", 1, r"forecaster=ewmaa is not .*\. Name one of them\. Did you mean ewma\?"),
        ("audit.governance.owner=[a,b]", 1, r"audit.governance.owner=\['a', 'b'\] is a list, .* Write one text in .*"),
        ("audit.baseline=average", 1, r"audit.baseline=average is not among the models: .*"),
        ("scoring.baseline=average", 1, r"scoring.baseline=average is not among the models: .*"),
        ("backtest.test_periods=0", 1, r"backtest.test_periods=0 must be a whole number, at least 1."),
        ("backtest.test_periods=many", 2, r"backtest.test_periods=many must be a number, such as 52."),
        ("model.ewma.reach_cells=far", 2, r"model.ewma.reach_cells=far must be a number, such as 1.0."),
        ("model.moving_average.window=0", 1, r".*window=0 must be at least 1 period."),
        ("model=[]", 2, r"The task weekly needs model. Choose an option with model=NAME; .*"),
        ("audit.valid_days=400", 1, r"audit.valid_days=400 must be above 0 and at most 366."),
        ("audit.land_share=2", 1, r"audit.land_share=2 must be above 0 and below 1; write 5 % as 0.05."),
        (
            "export.formats=[shapefile]",
            1,
            r"export.formats=\['shapefile'\] is not valid\. Choose from parquet, gpkg, .*",
        ),
        ("data.separator=;", 2, r"Cannot read the setting .*, as in \"data.separator=';'\"."),
        ("data.path=???", 2, r"The setting data.path is required. Add data.path=VALUE."),
        (
            "grid.size=null",
            2,
            r"grid.size=null is not possible: the setting needs a value. Set a value, such as 500.0.",
        ),
        ("register=null", 2, r"register=null is not possible: the setting needs a value\..*"),
        ("model.ewma=null", 2, r"model.ewma=null is not possible: the setting needs a value\..*"),
        ("audit.governance=null", 2, r"audit.governance=null is not possible: the setting needs a value\..*"),
        ("data.columns.crime_type=7", 1, r"crimes.csv: no column '7'.*"),
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


@pytest.mark.parametrize("word", ["data.columns={area: Beat}", "data.columns.area=Beat", "data.time_formats=[ISO8601]"])
def test_a_setting_of_another_option_gets_the_options_that_have_it(ilp, word):
    result = ilp("weekly", "data=simulated", "tracking=memory", *QUICK, word)
    assert result.code == 2
    key = word.partition("=")[0]
    only = f"ilp: There is no setting {key}. Only these options have this setting: .*data=delimited.*"
    assert re.fullmatch(only, result.error_line)


@pytest.mark.parametrize("word", ["tuning.trials=1", "tuning=optuna", "allocation.budget.amount=3"])
def test_no_option_is_named_of_a_group_that_the_task_does_not_have(ilp, word):
    result = ilp("forecast", *OWN_DATA, word)
    assert result.code == 2
    setting = word.partition("=")[0]
    assert result.error_line == f"ilp: There is no setting {setting}. `ilp forecast --help` lists the settings."


def test_an_option_takes_the_settings_that_its_class_has_in_another_option(ilp):
    result = ilp("weekly", "data=toronto", "data.columns.reported_at=Reported", "data.time_formats=['%d/%m/%Y']")
    assert result.code == 1
    assert re.match(r"ilp: bundled:toronto.*: no column 'Reported'.*", result.error_line)


def test_null_leaves_out_a_level_of_parent_areas(ilp, folder):
    result = ilp("forecast", *OWN_DATA, *MODELS, "grid.parents.area=null", "export.formats=[csv]")
    assert result.code == 0, result.err
    (run,) = finished_runs(folder, "forecast")
    assert pd.read_csv(run / "grid.csv").get("area", pd.Series(dtype=object)).isna().all()


def test_no_null_ends_in_an_unexpected_error(ilp, folder):
    """Every setting of `forecast` is set to null: it is accepted, or one line names it."""
    words = (*OWN_DATA, *MODELS, "export.formats=[csv]", "grid.size=1000")
    settings = yaml.safe_load(ilp("forecast", *words, "--cfg", "job").out)
    for key in dotted_keys(settings, ""):
        result = ilp("forecast", *words, f"{key}=null")
        assert result.code in (0, 1, 2)
        assert "--debug" not in result.err, (key, result.err)


def dotted_keys(node, where):
    for name, value in node.items():
        yield f"{where}{name}"
        if isinstance(value, dict):
            yield from dotted_keys(value, f"{where}{name}.")


OWN_HARM = (
    "harm=[csi_2009,own]",
    "harm.own.path=harm.csv",
    *(f"harm.own.{name}=x" for name in ("title", "unit", "source", "date")),
)


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("audit.feedback.unpatrolled_reporting_rate={Arson: 0.5}", r"audit.feedback.* names 'Arson'.* Choose from .*"),
        (OWN_HARM, r"The harm set own has no weight for .*"),
        ("audit.groups.path=groups.csv", r"No area of the group table is an area of the grid: .*"),
        ("audit.reporting_rates.path=rates.csv", r"\d+ areas of the grid have no reporting rate in rates.csv, .*"),
    ],
)
def test_names_that_the_records_do_not_have_stop_the_run_before_the_backtest(ilp, folder, word, line):
    (folder / "rates.csv").write_text("area,rate\nnowhere,0.5\n")
    (folder / "groups.csv").write_text("area,dimension,group,population\nnowhere,age,old,9\nnowhere,age,young,9\n")
    (folder / "harm.csv").write_text("crime_type,weight\nnowhere,1\n")
    result = ilp(*WEEKLY, *([word] if isinstance(word, str) else word))
    assert result.code == 1
    assert re.fullmatch(f"ilp: {line}", result.error_line), result.error_line
    assert not list((folder / "outputs").rglob("forecasts"))
