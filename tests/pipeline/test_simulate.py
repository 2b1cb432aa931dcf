import json

import pandas as pd
import pytest

from ilp_models.cli.app import App, find_configs
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.pipeline.simulate import run

CITY = SimulatedCity(seed=3, size_km=3, districts=2, weeks=20, population=1000)


def test_the_files_hold_the_city(tmp_path):
    folder = tmp_path / "new" / "city"
    text = run(data=CITY, folder=folder)
    events = CITY.read()
    table = pd.read_parquet(folder / "events.parquet")
    again = Events(table, events.crs, events.time_zone, events.start, events.end)
    assert again.digest() == events.digest()
    pd.testing.assert_frame_equal(pd.read_csv(folder / "groups.csv"), CITY.groups(), check_dtype=False)
    pd.testing.assert_frame_equal(pd.read_csv(folder / "reporting_rates.csv"), CITY.reporting_rates())
    truth = pd.read_csv(folder / "truth.csv")
    assert list(truth.columns) == ["area", "crime_type", "occurred", "recorded", "rate"]
    assert truth["recorded"].sum() == len(events)
    assert f"{truth['occurred'].sum():,} incidents, {len(events):,} of them recorded" in text
    settings = json.loads((folder / "settings.json").read_text())
    assert (settings["seed"], settings["size_km"]) == (3, 3)


def test_the_readme_names_every_file(tmp_path):
    run(data=CITY, folder=tmp_path)
    words = (tmp_path / "README.txt").read_text()
    for path in tmp_path.iterdir():
        assert path.name == "README.txt" or path.name in words
    assert "EPSG:32617" in words


def test_other_data_are_refused(tmp_path):
    with pytest.raises(InputError, match="data=simulated"):
        run(data=object(), folder=tmp_path)


def test_the_command_line_simulates_a_city(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["ilp"])
    settings = ["data.size_km=3", "data.districts=2", "data.weeks=20", "data.population=1000", "data.seed=3"]
    assert App(find_configs()).run(["simulate", *settings]) == 0
    assert "seed 3" in capfd.readouterr().out
    table = pd.read_parquet(tmp_path / "outputs" / "simulate" / "latest" / "events.parquet")
    assert len(table) == len(CITY.read())
