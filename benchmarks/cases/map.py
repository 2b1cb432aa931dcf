"""The interactive map of 5,000 cells and five crime types in a headless browser, from input to painted frame."""

import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import shapely
from jinja2 import Environment, PackageLoader

from benchmarks.browser import Chromium, find_browser
from benchmarks.figure import Figure, Goal, NotMeasuredError
from ilp_models.report.interactive_map import InteractiveMap, MapMeasure
from ilp_models.report.page import MAP_SCRIPT, with_security_policy

_CELLS: Final = 5_000
_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>map</title>
<style>{% include "style.css" %}</style></head><body>{% include "map.html.j2" %}</body></html>"""
# An action is over when the frame after it has been painted: the message comes after that.
_ACTIONS: Final = {
    "another crime type": "select.value = String(1 + i % 5); select.dispatchEvent(new Event('change'))",
    "another layer": "layer.value = String(i % 3); layer.dispatchEvent(new Event('change'))",
    "zoom": "document.querySelector(`[data-part=${i % 8 < 4 ? 'in' : 'out'}]`).click()",
    "card of a cell": "svg.querySelectorAll('[data-cell]')[7 * i].dispatchEvent(new PointerEvent('pointermove', "
    "{bubbles: true, pointerType: 'mouse'}))",
}
_TIMED: Final = """(async () => {
  const svg = document.querySelector('[data-part=svg]'), select = document.querySelector('[data-part=types]');
  const layer = document.querySelector('[data-part=measures]'), frame = () => new Promise(requestAnimationFrame);
  const times = [];
  for (let i = 0; i < %d; i += 1) {
    await frame();
    const begin = performance.now();
    %s;
    await frame();
    await new Promise(done => {
      const pipe = new MessageChannel();
      pipe.port1.onmessage = done;
      pipe.port2.postMessage(0);
    });
    times.push(performance.now() - begin);
  }
  return times;
})()"""


def measure(*, quick: bool) -> list[Figure]:
    """Return the median and the slowest time of each action."""
    if find_browser() is None:
        msg = "a Chromium browser"
        raise NotMeasuredError(msg)
    rounds = 5 if quick else 40
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "map.html")
        page.write_text(map_page(_CELLS), encoding="utf-8")
        size = page.stat().st_size / 1e6
        with Chromium(page) as browser:
            times = {name: browser.evaluate(_TIMED % (rounds, action)) for name, action in _ACTIONS.items()}
    return [
        Figure(
            f"map of {_CELLS:,} cells, {name}",
            statistics.median(found) / 1000,
            "s",
            Goal(high=0.1),
            n=rounds,
            note=f"slowest {max(found):.0f} ms; page of {size:.1f} MB",
        )
        for name, found in times.items()
    ]


def map_page(cells: int) -> str:
    """Return a page with a map of squares and random values."""
    return with_security_policy(_template().render(map=_map(cells), map_script=MAP_SCRIPT))


def _template() -> Any:
    return Environment(loader=PackageLoader("ilp_models.report"), autoescape=False).from_string(_PAGE)  # noqa: S701


def _map(cells: int) -> InteractiveMap:
    random = np.random.default_rng(0)
    side = int(np.ceil(np.sqrt(cells)))
    x, y = (part.ravel()[:cells] * 500.0 for part in np.meshgrid(np.arange(side), np.arange(side)))
    expected = random.gamma(0.5, 1.0, (6, cells))
    recorded = random.poisson(expected).astype(float)
    return InteractiveMap(
        title="Map",
        geometry=shapely.box(x + 6e5, y + 4.8e6, x + 6e5 + 500, y + 4.8e6 + 500),
        crs="EPSG:32617",
        names=[f"Area {number // 20}, north" for number in range(cells)],
        codes=[f"E{a:.0f}N{b:.0f}" for a, b in zip(x, y, strict=True)],
        types=["all types", *(f"type {number}" for number in range(5))],
        measures=[
            MapMeasure("Expected", "amount", expected),
            MapMeasure("Range", "range", np.zeros((6, cells)), recorded),
            MapMeasure("Recorded", "count", recorded),
            MapMeasure("Change", "change", expected - recorded),
        ],
        areas=np.array([f"Area {number // 20}" for number in range(cells)], dtype=object),
    )
