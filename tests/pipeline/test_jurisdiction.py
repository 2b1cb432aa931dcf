"""A jurisdiction file holds the standing choices: Monday's command is short, and monitoring needs no settings."""

import json
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from ilp_models.cli.app import App, find_configs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """Return a folder with the options of a user: one jurisdiction, with the settings of the simulated city."""
    folder = tmp_path_factory.mktemp("city")
    (folder / "mine" / "jurisdiction").mkdir(parents=True)
    lines = (find_configs() / "experiment" / "simulated-city.yaml").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("name:")]
    text = "\n".join(kept).replace(
        "- override /data: simulated", "- override /data: simulated\n  - override /grid: squares"
    )
    (folder / "mine" / "jurisdiction" / "ourcity.yaml").write_text(f"{text}\nforecaster: ewma\n")
    return folder


@pytest.fixture
def ilp(city, monkeypatch, undrawn, capfd):
    """Return a function that runs a command where the environment names the folder of options."""
    monkeypatch.chdir(city)
    monkeypatch.setattr("sys.argv", ["ilp"])
    monkeypatch.setenv("ILP_CONFIG_DIR", "mine")

    def call(*words):
        capfd.readouterr()
        code = App(find_configs()).run(list(words))
        return code, *capfd.readouterr()

    return call


@pytest.fixture
def monday(ilp, city):
    """Return the run of a Monday; it is made once."""
    if not (city / "outputs" / "weekly" / "latest").exists():
        words = ("compute.jobs=1", "model=[moving_average,ewma]")
        code, _, err = ilp("preregister", "jurisdiction=ourcity", *words[1:], "rule_choice=agreed on 3 May")
        assert code == 0, err
        code, _, err = ilp("weekly", "jurisdiction=ourcity", *words)
        assert code == 0, err
    return city / "outputs" / "weekly" / "latest"


def test_the_settings_of_the_jurisdiction_are_used_and_declared(monday, city):
    decision = json.loads((monday / "decision.json").read_text())
    assert decision["audit"]["header"]["governance"]["owner"] == "Example Owner (simulation)"
    assert decision["forecaster"] == "ewma"
    (changed,) = [one for one in decision["findings"] if one["check"] == "changed_settings"]
    assert changed["state"] == "pass"
    lines = [json.loads(line) for line in (city / "outputs" / "register.jsonl").read_text().splitlines()]
    (declared,) = [line for line in lines if line["act"] == "declared"]
    assert declared["content"]["jurisdiction"].startswith("ourcity, SHA-256 ")


def test_the_recorded_command_and_settings_repeat_the_run(monday):
    overrides = OmegaConf.load(monday / ".hydra" / "overrides.yaml")
    assert "jurisdiction=ourcity" in overrides
    assert "ilp weekly jurisdiction=ourcity" in (monday / "report.html").read_text()
    assert "--config-dir=mine" in (monday / "report.html").read_text()


def test_monitoring_takes_everything_from_the_run(monday, ilp):
    code, out, err = ilp("monitor", "data.weeks=273", "tracking=memory", "compute.jobs=1")
    assert code == 0, err
    assert "ewma" in out
    code, again, err = ilp("monitor", "jurisdiction=ourcity", "data.weeks=273", "tracking=memory", "compute.jobs=1")
    assert code == 0, err
    assert again.splitlines()[0] == out.splitlines()[0]
    code, _, err = ilp("monitor", "forecaster=lightgbm", "tracking=memory")
    assert code == 2
    assert "forecaster=lightgbm contradicts the run in outputs/weekly/latest, which has forecaster=ewma" in err
    code, _, err = ilp("monitor", "audit.land_share=0.2", "tracking=memory")
    assert code == 2
    assert "audit.land_share=0.2 contradicts the run" in err


def test_another_jurisdiction_is_not_declared(monday, ilp, city):
    shutil.copy(city / "mine" / "jurisdiction" / "ourcity.yaml", city / "mine" / "jurisdiction" / "other.yaml")
    text = (city / "mine" / "jurisdiction" / "other.yaml").read_text().replace("land_share: 0.1", "land_share: 0.2")
    (city / "mine" / "jurisdiction" / "other.yaml").write_text(text)
    code, _, err = ilp(
        "weekly", "jurisdiction=other", "compute.jobs=1", "model=[moving_average,ewma]", "output=elsewhere"
    )
    assert code == 0, err
    decision = json.loads(Path("elsewhere/weekly/latest/decision.json").read_text())
    assert not decision["admitted"]
    assert any("land_share" in reason for reason in decision["reasons"])
