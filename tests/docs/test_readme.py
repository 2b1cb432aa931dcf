"""README: its generated table, its picture and its ten lines for your own data."""

import importlib.util
import json
import re
import struct

import pytest
from hydra import compose, initialize_config_dir
from pages import ROOT, blocks

import ilp_models as ilp
from ilp_models.cli.app import find_configs
from ilp_models.cli.instantiate import build_parts, resolve

README = ROOT / "README.md"
SUMMARY = """\
forecaster,lead,crime_type,score,value,low,high,n
a,1,all,deviance,0.5,0.4,0.6,52
a,1,all,log_score,0.25,0.2,0.3,52
a,1,all,hit_rate_05,0.25,0.2,0.3,52
a,1,all,sum_ratio,1.02,,,52
a,1,x,sum_ratio,0.9,0.8,1.0,52
a,2,all,deviance,0.7,0.6,0.8,52
b,1,all,deviance,0.6,0.5,0.7,52
oracle,1,all,deviance,0.01,0.01,0.01,52
"""
SKILL = """\
forecaster,lead,crime_type,skill,low,high,p_value,verdict,n
b,1,all,0.0,0.0,0.0,1.0,tie,52
a,1,all,0.0125,0.01,0.015,0.001,better,52
a,1,x,-0.02,-0.03,0.01,0.4,tie,52
a,1,y,0.02,,,,tie,52
a,2,all,0.5,0.4,0.6,0.001,better,52
oracle,1,all,0.95,0.94,0.96,0.001,better,52
"""
ORIGIN = {"protocol": "Two weeks.", "code": "v1", "data": "0" * 64, "attribution": "Thanks.", "forecaster": "a"}


@pytest.fixture
def tables(tmp_path):
    """Return the script as a module in a temporary checkout with one experiment."""
    spec = importlib.util.spec_from_file_location("update_tables", ROOT / "experiments" / "update_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.EXPERIMENTS, module.IMAGES = tmp_path, tmp_path / "experiments", tmp_path / "images"
    for folder in (module.EXPERIMENTS, module.IMAGES, tmp_path / "configs" / "experiment"):
        folder.mkdir(parents=True)
    (tmp_path / "configs" / "experiment" / "some-city.yaml").touch()
    (tmp_path / "README.md").write_text("Before.\n<!-- table: some-city -->\nold\n<!-- end -->\nAfter.\n")
    return module


def make_run(tmp_path, name):
    folder = tmp_path / "outputs" / name
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "map-1.png").write_bytes(b"map")
    (folder / "summary.csv").write_text(SUMMARY)
    (folder / "skill.csv").write_text(SKILL)
    (folder / "grid.csv.json").write_text(json.dumps({**ORIGIN, "caveat": "not copied"}))
    return folder


def test_tables_agree_with_the_committed_results():
    spec = importlib.util.spec_from_file_location("update_tables", ROOT / "experiments" / "update_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pages = [README, *sorted((ROOT / "experiments").glob("*/README.md"))]
    assert "<!-- table: toronto-weekly of " in README.read_text(encoding="utf-8")
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert module.fill_tables(text) == text, f"{page}: run python3 experiments/update_tables.py"


BOARD = """\
lead,forecaster,kind,deviance,log_score,hit_rate_05,hit_rate_05_low,hit_rate_05_high,sum_ratio,sum_ratio_low,{rest}
1,a,forecaster,0.5,0.25,0.25,0.2,0.3,1.02,1.01,1.03,0.0125,0.01,0.015,better,0.96,10.0,2.4,
2,a,forecaster,0.7,0.25,0.25,0.2,0.3,1.02,1.01,1.03,0.0125,0.01,0.015,better,0.96,10.0,2.4,
1,b,forecaster,0.6,0.3,0.2,,,1.0,,,0.0,,,,0.0,1.0,0.0,
,c,not run,,,,,,,,,,,,,,,,too few events
1,oracle,bound,0.01,,0.8,0.7,0.9,1.0,,,0.95,0.94,0.96,,,,,
""".format(
    rest="sum_ratio_high,skill,skill_low,skill_high,verdict,attained,fit_cpu_seconds,forecast_cpu_seconds,did_not_run"
)
PAGE = "<p><strong>Protocol.</strong> Two &amp; more weeks.</p><dl>\n<dt>Code</dt><dd>v1, commit 2</dd></dl>"


def test_comparison_is_shown_as_its_leaderboard(tables, tmp_path):
    run = tmp_path / "2026-01-05T08-00-00-some-city"
    run.mkdir()
    intake = json.dumps({"digest": "0" * 64, "attribution": "Thanks."})
    files = {"leaderboard.csv": BOARD, "comparison.html": PAGE, "intake.json": intake}
    for name, text in {**files, "summary.csv": SUMMARY, "skill.csv": SKILL}.items():
        (run / name).write_text(text)
    assert tables.main([str(run)]) == 0
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert [line for line in lines if line.startswith(("| `", "| *"))] == [
        "| `a` | +1.25% [+1.00%, +1.50%] | 96% | better | 0.5000 | 0.2500 | 25.0% [20.0%, 30.0%] | "
        "1.020 [1.010, 1.030] | 12 |",
        "| `b` | +0.00% | 0% | baseline | 0.6000 | 0.3000 | 20.0% | 1.000 | 1 |",
        "| `c` | - | - | not run: too few events | - | - | - | - | - |",
        "| *oracle* | +95.00% [+94.00%, +96.00%] | - | bound | 0.0100 | - | 80.0% [70.0%, 90.0%] | 1.000 | - |",
    ]
    made = "Made by `ilp compare experiment=some-city` with v1, commit 2. Data 0000000000000000. Thanks."
    assert f"Two & more weeks. {made}" in lines


def test_page_shows_a_part_of_a_leaderboard(tables, tmp_path):
    folder = tmp_path / "experiments" / "some-city"
    folder.mkdir()
    (folder / "origin.json").write_text(json.dumps(ORIGIN))
    rows = BOARD.replace("better,0.96", "better,").replace("0.0,,,,0.0", "0.0,,,,")  # no truth is known
    (folder / "leaderboard.csv").write_text(rows)
    (tmp_path / "README.md").write_text("<!-- table: some-city of b d -->\n<!-- end -->\n")
    assert tables.main([]) == 0
    shown = [line for line in (tmp_path / "README.md").read_text().splitlines() if line.startswith(("| `", "| *"))]
    assert shown == [
        "| `b` | +0.00% | baseline | 0.6000 | 0.3000 | 20.0% | 1.000 | 1 |",
        "| *oracle* | +95.00% [+94.00%, +96.00%] | bound | 0.0100 | - | 80.0% [70.0%, 90.0%] | 1.000 | - |",
    ]


def test_table_agrees_with_the_files(tables, tmp_path):
    run = make_run(tmp_path, "2026-01-05T08-00-00-some-city")
    (tmp_path / "images" / "some-city.png").touch()
    assert tables.main([str(run)]) == 0
    lines = (tmp_path / "README.md").read_text().splitlines()
    assert (lines[0], lines[-1], "old" in lines) == ("Before.", "After.", False)
    rows = [line for line in lines if line.startswith(("| `", "| *"))]
    assert rows == [
        "| `a` | +1.25% [+1.00%, +1.50%] | better | 0.5000 | 0.2500 | 25.0% [20.0%, 30.0%] | 1.020 |",
        "| `b` | +0.00% | baseline | 0.6000 | - | - | - |",
        "| *oracle* | +95.00% [+94.00%, +96.00%] | bound | 0.0100 | - | - | - |",
    ]
    assert "| x | -2.00% [-3.00%, +1.00%] | tie | 0.900 [0.800, 1.000] |" in lines
    assert any(
        line.startswith("Two weeks. Made by") and line.endswith("Data 0000000000000000. Thanks.") for line in lines
    )
    assert json.loads((tmp_path / "experiments" / "some-city" / "origin.json").read_text()) == ORIGIN
    assert (tmp_path / "images" / "some-city.png").read_bytes() == b"map"
    before = (tmp_path / "README.md").read_text()
    assert tables.main([]) == 0
    assert (tmp_path / "README.md").read_text() == before


@pytest.mark.parametrize("flaw", ["other name", "unfinished", "backtest"])
def test_other_runs_are_refused(tables, tmp_path, capsys, flaw):
    run = make_run(tmp_path, "2026-01-05-run" if flaw == "other name" else "2026-01-05-some-city")
    if flaw == "unfinished":
        (run / "UNFINISHED").touch()
    if flaw == "backtest":
        (run / "grid.csv.json").unlink()
    assert tables.main([str(run)]) == 1
    assert "not a finished run" in capsys.readouterr().err
    assert not (tmp_path / "experiments" / "some-city").exists()


def test_picture_is_a_small_png_with_an_alternative_text():
    (alt, path) = re.search(r"!\[([^\]]+)\]\(([^)]+)\)", README.read_text(encoding="utf-8")).groups()
    data = (ROOT / path).read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(data) < 200_000
    assert struct.unpack(">I", data[16:20])[0] >= 800
    assert "research only" in alt
    assert b"research only - not for resource allocation" in data


def test_ten_lines_read_the_records_of_another_city(tmp_path, monkeypatch):
    block = blocks(ROOT / "docs" / "data.md", "yaml")[0]
    assert len(block.splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    option = tmp_path / "mine" / "data" / "ourcity.yaml"
    option.parent.mkdir(parents=True)
    option.write_text(block)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "2024.csv").write_text(
        "Case,Date,Offence,Latitude,Longitude,Beat,Officer Name\n"
        "1,01/31/2024 11:50:00 PM,Robbery,49.89,-97.14,B1,Smith\n"
        "2,02/01/2024 08:15:00 AM,BURGLARY COMMERCIAL,49.88,-97.15,B2,Smith\n"
        "3,02/01/2024 09:00:00 AM,FRAUD,49.88,-97.15,B2,Smith\n"
    )
    with initialize_config_dir(config_dir=str(find_configs()), version_base="1.3"):
        path = f"hydra.searchpath=['file://{tmp_path / 'mine'}']"
        source = build_parts({"data": resolve(compose("forecast", [path, "data=ourcity"]))["data"]})["data"]
    events = source.read()
    intake = events.intake
    assert list(events.table["crime_type"]) == ["robbery", "burglary"]
    assert list(events.table["area"]) == ["B1", "B2"]
    assert events.crs == "EPSG:32614"
    assert str(events.table["occurred_at"].iloc[0]) == "2024-01-31 23:50:00"
    assert "Officer Name" in intake.person_columns_left


@pytest.mark.slow
def test_files_of_a_run_are_those_that_the_workflow_lists(run):
    page = (ROOT / "docs" / "workflow.md").read_text(encoding="utf-8")
    table = page.partition("## Files of a run")[2].partition("\nThe metadata")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    named = {name.rstrip("/") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    made = {path.name for path in run.iterdir() if not path.name.startswith(".")}
    assert made - named == {"grid.csv.json", "areas.csv.json", "weekly.log"}
    assert named <= made
    assert (run.resolve().parents[1] / "mlflow.db").is_file()
    assert list((run.resolve().parents[1] / "forecasts").glob("*/forecaster=*/cutoff=*/*.parquet"))


@pytest.fixture
def crimes(tmp_path, monkeypatch):
    """Write two years of bundled records as `crimes.csv`, with the columns of the block, and go there."""
    table = ilp.load_toronto("2019-01-01", "2021-01-04").table
    names = {"occurred_at": "Date", "crime_type": "Offence", "x": "Easting", "y": "Northing"}
    table[list(names)].rename(columns=names).to_csv(tmp_path / "crimes.csv", index=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_python_block_runs(crimes, tmp_path):
    (block,) = blocks(README, "python")
    smaller = {
        '"EPSG:27700"': '"EPSG:32617"',
        "Europe/London": "America/Toronto",
        "SquareGrid(500)": "SquareGrid(3000)",
        "test_periods=52": "test_periods=8, compute=ilp.LocalProcesses(1)",
    }
    for shown, used in smaller.items():
        assert shown in block
        block = block.replace(shown, used)
    names = {}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - the text is ours
    assert {"skill", "low", "high", "verdict"} <= set(names["backtest"].skill("ewma"))
    assert names["forecast"].to_frame()["expected"].gt(0).any()
    assert [path.name for path in tmp_path.iterdir() if path.name != "outputs"] == ["crimes.csv"]
