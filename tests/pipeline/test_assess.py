"""The task `assess` with its configuration: files, text for the terminal, and what it leaves behind when it fails."""

import json
import stat
import subprocess
import sys
from importlib.resources import files

import pandas as pd
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.pipeline.assess import run
from tests.pipeline.small_city import build_task

pytestmark = pytest.mark.slow

NAMES = {"groups.html", "groups.csv", "pairs.csv", "requirements.csv", "disagreement.csv", "groups.json"}


def assess(folder, *words):
    return run(**build_task("assess", *words)[1], folder=folder)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assess")
    return assess(folder, "matrix=example", "ranking.draws=2000"), folder


def test_all_files_are_written_and_nothing_else(done):
    text, folder = done
    assert {path.name for path in folder.iterdir()} == NAMES
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    lines = text.splitlines()
    assert lines[0] == "Judgements about groups. Not to be used against a person."
    assert lines[1].startswith("G01 ranks first")
    assert "For Readers of the documentation only; not to be used from 2099-12-31 on." in lines
    assert len(lines) <= 15


def test_every_table_says_until_when_and_for_what_it_may_be_used(done):
    for path in done[1].glob("*.csv"):
        table = pd.read_csv(path)
        assert set(table["not_to_be_used_from"]) == {"2099-12-31"}
        assert table["caveat"][0] == "Judgements about groups. Not to be used against a person."
        assert table["caveat"][1:].isna().all()


def test_the_record_holds_authorisation_and_the_tables(done):
    record = json.loads((done[1] / "groups.json").read_text())
    assert list(record)[:3] == ["caveat", "not_to_be_used_from", "authorisation"]
    assert record["authorisation"]["recipients"] == ["Readers of the documentation"]
    assert len(record["pairs"]) == 15
    assert [one["group"] for one in record["groups"]] == list(record["rank_probabilities"])
    assert record["scheme"]["bounds"] == [0, 124]
    assert len(record["matrix"]["digest"]) == 64
    assert "source" not in json.dumps(record["groups"])  # sources and single scores stay in the file of the analysts


def test_the_same_seed_writes_the_same_tables(done, tmp_path):
    assess(tmp_path / "again", "matrix=example", "ranking.draws=2000")
    assess(tmp_path / "other", "matrix=example", "ranking.draws=2000", "seed=1")
    for path in done[1].glob("*.csv"):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    assert (tmp_path / "other" / "pairs.csv").read_bytes() != (done[1] / "pairs.csv").read_bytes()


def test_decimal_commas(tmp_path):
    assess(tmp_path, "matrix=example", "ranking.draws=1000", "decimal=comma")
    assert pd.read_csv(tmp_path / "pairs.csv", sep=";", decimal=",")["p_outranks"].between(0, 1).all()


def test_the_folder_of_a_refused_matrix_is_closed_because_its_settings_hold_the_file_name(tmp_path):
    tmp_path.chmod(0o755)
    with pytest.raises(InputError, match=r"looks like names of persons|there is no such file"):
        assess(tmp_path, "matrix='John Smith.csv'")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("inputs.previous=nowhere",), "there is no such folder"),
        (("matrix=example", "template=x.csv"), "Only one of matrix= and template= is possible"),
        (("matrix=nowhere.csv",), "there is no such file"),
        (("template=x.docx",), r"must end in .xlsx or .csv"),
        (("template=nowhere/x.csv",), "there is no folder"),
        (("matrix=example", "decimal=dot"), "decimal='dot' is unknown"),
    ],
)
def test_wrong_settings_leave_no_file(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        assess(tmp_path / "out", *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["groups.xlsx", "groups.csv"])
def test_a_template_is_written_once(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    text = assess(tmp_path / "out", f"template={name}")
    assert f"ilp assess matrix={name}" in text
    before = (tmp_path / name).read_bytes()
    with pytest.raises(InputError, match="exists already and is not overwritten"):
        assess(tmp_path / "out", f"template={name}")
    assert (tmp_path / name).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("review_date,2099-12-31", "review_date,2020-01-01", "review_date 2020-01-01 is past"),
        ("retention_until,2099-12-31", "retention_until,", "lacks retention_until"),
        ("G06,4,", "G06,2,", "group G06 has 2 known members"),
        ("B2 report R-514", "John Smith", "the source holds what looks like names of persons"),
    ],
)
def test_a_refused_file_leaves_nothing(tmp_path, old, new, message):
    text = files("ilp_models.strategy.groups").joinpath("example/groups.csv").read_text(encoding="utf-8-sig")
    (tmp_path / "ours.csv").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        assess(tmp_path / "out", f"matrix='{tmp_path / 'ours.csv'}'")
    assert not (tmp_path / "out").exists()


def test_the_command_works_and_loads_no_mlflow(tmp_path):
    script = (
        "import sys; from ilp_models.cli.app import App, find_configs\n"
        "code = App(find_configs()).run(['assess', 'matrix=example', 'ranking.draws=1000'])\n"
        "sys.exit(code or int(any(name.split('.')[0] == 'mlflow' for name in sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    assert {path.name for path in (tmp_path / "outputs").iterdir()} == {"assess"}
    assert {path.name for path in (tmp_path / "outputs" / "assess" / "latest").iterdir()} >= NAMES


def test_an_empty_file_to_fill_in_leaves_the_link_to_the_last_page(tmp_path):
    script = (
        "import sys; from ilp_models.cli.app import App, find_configs\n"
        "app = App(find_configs())\n"
        "first = app.run(['assess', 'matrix=example', 'ranking.draws=1000'])\n"
        "sys.exit(first or app.run(['assess', 'template=groups.csv']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr + done.stdout
    assert (tmp_path / "groups.csv").is_file()
    assert (tmp_path / "outputs" / "assess" / "latest" / "groups.html").is_file()
