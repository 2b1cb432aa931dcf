import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely

from benchmarks.browser import Chromium, find_browser
from ilp_models.domain.layer import Layer
from ilp_models.report.interactive_map import InteractiveMap, MapMeasure
from ilp_models.report.page import MAP_SCRIPT
from ilp_models.report.weekly_map import MapEvidence, weekly_map
from ilp_models.report.weekly_report import WeeklyReport, compose_weekly
from tests.builders import forecast_on, square_grid
from tests.report.weekly_evidence import evidence_of

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "<!--<script> & \u2028 '",
)
needs_browser = pytest.mark.skipif(find_browser() is None, reason="needs chromium")


def layers_of(grid):
    left, bottom, right, top = shapely.total_bounds(grid.geometry)
    streets = np.array(
        [
            shapely.LineString([(left - 9_000, bottom + 600), (right, bottom + 600)]),
            shapely.LineString([(0, 0), (1, 1)]),
        ]
    )
    stops = shapely.points([left + 100, right + 5_000], [top - 100, top])
    return (
        Layer("main_streets", streets, grid.crs, names=np.array(["King Street", ""], dtype=object)),
        Layer("stops", stops, grid.crs, names=np.array(["Union", "Far"], dtype=object)),
    )


def map_of(**changed):
    grid = square_grid()
    return replace(weekly_map(forecast_on(grid), grid, MapEvidence(layers=layers_of(grid))), **changed)


def page_of(folder, **groups):
    evidence = evidence_of(**groups)
    types, cells, _ = evidence.forecast.expected.shape
    shown = MapEvidence(
        recorded=np.arange(types * cells, dtype=float).reshape(types, cells),
        recorded_period=pd.Period("2021-12-27", "W-SUN"),
        flagged=np.eye(types, cells),
        layers=layers_of(evidence.grid),
    )
    content = compose_weekly(WeeklyReport(), replace(evidence, map=shown), folder / "figures")
    return WeeklyReport().write(folder, content), content.map


def points_of(path):
    """Return the corners of the first ring of a path."""
    numbers = np.array(re.findall(r"-?\d+", path.split("z")[0]), dtype=int).reshape(-1, 2)
    return numbers.cumsum(axis=0)


def test_paths_are_the_cells_in_whole_units():
    found, grid = map_of().to_dict(), square_grid()
    assert len(found["cells"]) == len(grid)
    left, top = shapely.bounds(grid.geometry)[:, 0].min(), shapely.bounds(grid.geometry)[:, 3].max()
    corner = np.array([points_of(path).min(axis=0) for path in found["cells"]]).min(axis=0)
    for path, cell in zip(found["cells"], grid.geometry, strict=True):
        assert re.fullmatch(r"M\d+ \d+l[-\d ]+z", path)
        drawn = (points_of(path) - corner) * found["metres"]
        expected = np.abs(shapely.get_coordinates(cell)[:-1] - [left, top])
        assert {tuple(point) for point in drawn} == {tuple(point) for point in expected}


def test_a_hole_and_a_second_part_are_drawn():
    ring = shapely.box(0, 0, 1000, 1000).difference(shapely.box(200, 200, 800, 800))
    both = shapely.MultiPolygon([ring, shapely.box(2000, 0, 2500, 500)])
    values = MapMeasure("Expected", "amount", np.ones((1, 1)))
    one = InteractiveMap("m", np.array([both]), "EPSG:32617", ["a"], ["c"], ["t"], [values], np.array([""]))
    assert one.to_dict()["cells"][0].count("M") == 3
    assert one.to_dict()["areas"] == []


def test_unknown_values_are_null_and_others_short():
    values = MapMeasure("Expected", "amount", np.array([[np.nan, 0.123456, 3.0, *[0.0] * (len(square_grid()) - 3)]]))
    assert map_of(measures=[values]).to_dict()["measures"][0]["values"][0][:3] == [None, 0.1235, 3]


def test_layers_are_clipped_and_limited_and_say_so():
    grid = square_grid()
    left, bottom, right, _ = shapely.total_bounds(grid.geometry)
    many = np.array([shapely.LineString([(left, bottom + i % 900), (right, bottom + i % 900)]) for i in range(12_000)])
    found = map_of(layers=[*layers_of(grid), Layer("lanes", many, grid.crs)]).to_dict()["layers"]
    assert [one["label"] for one in found] == ["main streets", "stops", "lanes (10,000 of 12,000 drawn)"]
    assert [one["points"] for one in found] == [False, True, False]
    assert found[0]["path"].count("M") == 1  # the other street lies outside
    assert found[1]["path"].count("h0") == 1
    assert int(re.match(r"M(-?\d+)", found[0]["path"])[1]) >= 0


def test_no_label_ends_the_data_or_adds_markup():
    text = str(map_of(names=[HOSTILE[0]] * len(square_grid()), types=HOSTILE).data)
    assert "<" not in text
    assert ">" not in text
    assert json.loads(text)["places"] == [HOSTILE[0]]
    assert json.loads(text)["types"] == list(HOSTILE)


def test_the_script_asks_for_nothing_and_writes_no_markup():
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "eval",
        "Function(",
        "fetch",
        "XMLHttp",
        "import",
        "http:",
    ):
        assert word not in MAP_SCRIPT.replace("http://www.w3.org/2000/svg", "")
    assert "</script" not in MAP_SCRIPT
    assert "<!--" not in MAP_SCRIPT
    assert max(map(len, MAP_SCRIPT.splitlines())) <= 120
    assert len(MAP_SCRIPT.splitlines()) < 400


@pytest.mark.slow
def test_the_map_of_a_withheld_forecast_is_marked(tmp_path):
    _, withheld = page_of(tmp_path, groups=())
    assert withheld.mark == "research only - not for resource allocation"
    assert page_of(tmp_path)[1].mark == ""


def test_reasons_are_of_the_first_period_and_of_their_type(tmp_path):
    _, made = page_of(tmp_path)
    found = made.to_dict()["reasons"]
    assert found["1,0"] == f"3 recorded in {made.codes[0]}."
    assert not any(key.startswith("0,") for key in found)  # the pool has no reasons of its own


@pytest.mark.slow
@needs_browser
def test_the_map_works_with_mouse_keys_and_tables(tmp_path):
    page, made = page_of(tmp_path)
    with Chromium(page) as browser:
        ask = browser.evaluate
        card = "document.querySelector('[data-part=card]').textContent"
        assert ask("document.body.className") == "live"
        assert ask("document.querySelectorAll('[data-cell][d]').length") == len(made.codes)
        assert ask("[...document.querySelectorAll('.static')].every(one => !one.offsetHeight)")
        ask("document.querySelectorAll('.map-cells path')[3].dispatchEvent(new MouseEvent('click', {bubbles: true}))")
        assert made.names[3] in ask(card)
        assert ask("document.querySelector('[data-part=card] a').href").startswith("geo:")
        assert f"cell {made.codes[3]}" in ask(card)
        press = "document.querySelector('[data-part=svg]').dispatchEvent(new KeyboardEvent('keydown', {key: '%s'}))"
        box = "document.querySelector('[data-part=svg]').getAttribute('viewBox').split(' ').map(Number)"
        whole = ask(box)
        for _ in range(3):
            ask(press % "+")
        assert ask(box)[2] < 0.5 * whole[2]
        ask(press % "Home")
        assert ask(box) == pytest.approx(whole)
        ask(press % "Escape")
        ask(press % "ArrowRight")  # nothing is chosen: the highest cell of all
        highest = int(np.argmax(made.measures[0].values[0]))
        assert f"cell {made.codes[highest]}" in ask(card)
        ask(press % "ArrowUp")
        assert f"cell {made.codes[highest]}" not in ask(card)
        choose = (
            "{const one = document.querySelector('[data-part=%s]'); one.value = '%s';"
            "one.dispatchEvent(new Event('change'))}"
        )
        ask(choose % ("types", 2))
        assert ask("document.getElementById('type-2').checked")
        ask(choose % ("measures", 3))
        fills = ask("[...document.querySelectorAll('.map-cells path')].map(one => one.getAttribute('fill'))")
        flagged = made.measures[4].values[2] > 0
        assert [fill == "#00695c" for fill in fills] == flagged.tolist()
        ask("document.querySelector('a[data-cell]').click()")
        place = ask("Number(document.querySelector('a[data-cell]').dataset.cell)")
        assert f"cell {made.codes[place]}" in ask(card)
        assert browser.problems() == []


@pytest.mark.slow
@needs_browser
def test_hostile_labels_run_nothing_and_change_nothing(tmp_path):
    page, _ = page_of(tmp_path, types=HOSTILE, area=HOSTILE[1])
    with Chromium(page) as browser:
        for kind in range(4):
            browser.evaluate(
                "{const one = document.querySelector('[data-part=types]');"
                f"one.value = '{kind}'; one.dispatchEvent(new Event('change'))}}"
            )
            browser.evaluate("document.querySelector('a[data-cell]').click()")
        assert browser.evaluate("typeof window.hacked") == "undefined"
        assert browser.evaluate("document.querySelectorAll('img[src=x]').length") == 0
        assert browser.evaluate("document.querySelectorAll('script').length") == 2
        words = browser.evaluate(
            "[...document.querySelectorAll('[data-part=types] option')].map(one => one.textContent)"
        )
        assert words == ["all types", *HOSTILE]
        assert browser.problems() == []


@needs_browser
def test_no_other_script_runs_on_the_page(tmp_path):
    page, _ = page_of(tmp_path)
    text = page.read_text(encoding="utf-8")
    more = (
        "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'><b onclick='window.hacked = 1'></b>"
    )
    page.write_text(text.replace("</body>", f"{more}</body>"), encoding="utf-8")
    with Chromium(page) as browser:
        browser.evaluate("document.querySelector('b[onclick]').click()")
        assert browser.evaluate("typeof window.hacked") == "undefined"
        assert browser.evaluate("document.body.className") == "live"
        assert len(browser.problems()) >= 3
