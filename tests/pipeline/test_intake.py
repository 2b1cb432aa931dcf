"""From a messy export to a first grid: `ilp intake`, and the command that it prints."""

import re
import shlex
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.suggestion import SuggestedSettings
from ilp_models.pipeline.data_settings import TrialRead, suggest_data_settings
from ilp_models.pipeline.intake import next_command, option_name
from tests.bad_input.run_commands import run_in_process
from tests.pipeline.messy_exports import EXPORTS, records, semicolons_and_decimal_commas, survey_feet

pytestmark = pytest.mark.slow

QUICK = (
    *("compute.jobs=1", "bootstrap.draws=100", "tracking=memory"),
    *("export.formats=[csv]", "grid.size=500"),
)
MOST_SECONDS = 300
MOST_LINES = 15


@pytest.fixture
def ilp(tmp_path, monkeypatch, undrawn, capfd):
    """Return a function that runs a command in an empty folder and returns exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])

    def call(*words):
        capfd.readouterr()
        return run_in_process(*words), *capfd.readouterr()

    return call


@pytest.mark.parametrize("export", EXPORTS, ids=lambda one: one.__name__)
def test_a_messy_export_becomes_a_first_grid_with_the_printed_command(export, ilp, tmp_path):
    begun = time.monotonic()
    code, out, err = ilp("intake", *export(tmp_path))
    assert code == 0, err
    assert len(out.splitlines()) <= MOST_LINES
    command = shlex.split(re.search(r"^Next: ilp (.+)$", out, re.MULTILINE)[1])
    code, out, err = ilp(*command, *QUICK)
    assert code == 0, err
    assert time.monotonic() - begun < MOST_SECONDS
    (run,) = (tmp_path / "outputs" / "weekly").glob("20*")
    assert len(pd.read_csv(run / "grid.csv", comment="#")) > 10
    assert (run / "report.html").exists()


def test_a_file_of_one_offence_needs_its_name_and_no_column(ilp, tmp_path):
    records(43.65, -79.38)[["when", "lat", "lon"]].to_csv(tmp_path / "burglaries.csv", index=False)
    code, out, _ = ilp("intake", "path=burglaries.csv")
    assert code == 0
    assert (
        "give crime_type, such as data.crime_type=Burglary" in (tmp_path / "mine/data/my_burglaries.yaml").read_text()
    )
    code, out, err = ilp("intake", "path=burglaries.csv", "data.crime_type=Burglary")
    assert code == 0, err
    assert "OPEN" not in out
    made = yaml.safe_load((tmp_path / "mine/data/my_burglaries.yaml").read_text())
    assert made["crime_type"] == "Burglary"
    assert "crime_type" not in made["columns"]


def test_the_files_show_no_value_of_a_column_about_persons(ilp, tmp_path):
    code, out, err = ilp("intake", *semicolons_and_decimal_commas(tmp_path))
    assert code == 0, err
    assert "Never read (personal data by name): Geburtsdatum Opfer" in out
    texts = [path.read_text() for path in tmp_path.rglob("*") if path.suffix in (".html", ".yaml", ".json", ".log")]
    assert any("Geburtsdatum Opfer" in text for text in texts)
    assert not any("1980" in text for text in (*texts, out, err))


def test_a_date_that_could_be_read_both_ways_is_asked_and_stops_the_run(ilp, tmp_path):
    found = records(53.80, -1.55)
    early = found[found["when"].dt.day <= 12]
    early.assign(when=early["when"].dt.strftime("%d/%m/%Y")).to_csv(tmp_path / "export.csv", index=False)
    code, out, err = ilp("intake", "path=export.csv", "data.columns.occurred_date=when", "data.columns.crime_type=what")
    assert code == 0, err
    assert out.startswith("One question is open")
    assert re.search(r"OPEN time_formats \(line (\d+)\): day first or month first\?", out)
    text = Path("mine/data/my_export.yaml").read_text()
    line = int(re.search(r"OPEN time_formats \(line (\d+)\)", out)[1])
    assert re.fullmatch(r"time_formats: \?\?\? # OPEN: .*'%d/%m/%Y'.*'%m/%d/%Y'.*", text.splitlines()[line - 1])
    code, _, err = ilp("weekly", "--config-dir", "mine", "data=my_export", *QUICK)
    assert code == 2, err
    assert "The setting data.time_formats is required" in err
    answered = suggest_data_settings(
        "export.csv", time_formats=["%d/%m/%Y"], columns={"occurred_date": "when", "crime_type": "what"}
    )
    assert answered.questions == ()


def test_a_file_of_options_is_never_overwritten(ilp, tmp_path):
    words = ["intake", *semicolons_and_decimal_commas(tmp_path)]
    own = tmp_path / "mine" / "data" / "my_export.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("# mine\n")
    code, out, err = ilp(*words)
    assert code == 0, err
    assert own.read_text() == "# mine\n"
    assert "was changed by hand, so it stays; the new settings are in" in out


def test_an_answer_replaces_the_file_of_the_first_intake_until_it_is_changed_by_hand(ilp, tmp_path):
    survey_feet(tmp_path)
    own = tmp_path / "mine" / "data" / "my_export.yaml"
    assert ilp("intake", "path=export.csv")[0] == 0
    assert "input_crs: ???" in own.read_text()
    code, out, _ = ilp("intake", "path=export.csv", "near=[25.8, -80.2]")
    assert code == 0
    assert "by hand" not in out
    assert 'input_crs: "EPSG:2236"' in own.read_text()
    own.write_text(own.read_text() + "# mine\n")
    assert "by hand" in ilp("intake", "path=export.csv")[1]
    assert own.read_text().endswith("# mine\n")


@pytest.mark.parametrize(
    ("path", "save_as", "name"),
    [("exports/May 2021.csv", None, "my_may_2021"), ("street/", None, "my_street"), ("a.csv", "ourcity", "ourcity")],
)
def test_the_option_is_named_after_the_file(path, save_as, name):
    assert option_name(path, save_as) == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "The setting path is required"),
        (("path=export.csv", "near=here"), "must be latitude and longitude"),
        (("path=export.csv", "save_as=a/b"), "cannot be the name of an option"),
        (("path=export.csv", "data.columns.when=x"), "data.columns.when is unknown"),
        (("path=none.csv",), "there is no such file"),
    ],
)
def test_wrong_words_are_refused_in_one_line(words, message, ilp, tmp_path):
    (tmp_path / "export.csv").write_text(
        "when,what,lat,lon\n2021-01-04,Theft,43.6,-79.4\n2021-01-05,Theft,43.6,-79.4\n"
    )
    code, _, err = ilp("intake", *words)
    assert code in (1, 2)
    assert message in err
    assert sys.argv == ["ilp"]


@pytest.mark.parametrize(
    ("resolution", "days", "words"),
    [
        ("moment", 800, []),
        ("moment", 365, ["'model=[moving_average,ewma]'", "forecaster=ewma", "backtest.test_periods=13"]),
        ("day", 8, ["'model=[moving_average,ewma]'", "forecaster=ewma", "backtest.test_periods=1"]),
        ("month", 1900, ["experiment=monthly"]),
        (
            "month",
            366,
            ["experiment=monthly", "'model=[moving_average,ewma]'", "forecaster=ewma", "backtest.test_periods=3"],
        ),
    ],
)
def test_the_next_command_fits_the_length_of_the_records(resolution, days, words):
    start = pd.Timestamp("2020-01-01")
    report = IntakeReport("a", (), 0, 0, start, start + pd.Timedelta(days=days), "UTC", "EPSG:32617", resolution)
    trial = TrialRead(SuggestedSettings("a", 0, ()), None, report)
    command, note = next_command(trial, "my own", "x")
    assert command == " ".join(["ilp weekly --config-dir 'my own' data=x", *words])
    assert bool(note) == ("forecaster=ewma" in words)
