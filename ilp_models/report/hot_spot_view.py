"""Show near repeats and hot spots on the page of a description."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.description import DescribedPart, DescriptionData
from ilp_models.report.class_maps import plot_class_maps
from ilp_models.report.formatting import MISSING, number, percent
from ilp_models.report.maps import MapGeometry
from ilp_models.report.page import FigureFile
from ilp_models.report.plots import save_figure

_CLASSES: Final = (
    ("first time", "#b5179e"),
    ("emerging", "#f3722c"),
    ("persistent", "#9d0208"),
    ("intermittent", "#f9c74f"),
    ("former", "#577590"),
)
_COUNTS: Final = (("1 incident", "#fdd0a2"), ("2 incidents", "#fd8d3c"), ("3 or more", "#a63603"))
_ONE_MONTH: Final = "one month"  # a length of periods, other lengths are in days
_MOST_MAPS: Final = 6
_MOST_AREAS: Final = 15


def repeat_sentences(part: DescribedPart) -> Iterator[str]:
    """Yield the strongest near repeat, and how many recent incidents are within one."""
    facts = part.facts
    if not facts["types_tested"]:
        yield "Near repeats are not tested: too few records, or dates that are not exact enough. See the notes."
        return
    if "strongest_ratio" not in facts:
        yield "Near repeats: none beyond the same day, for any crime type."
        return
    yield (
        f"Near repeats are most numerous for {facts['strongest_crime_type']}, {facts['strongest_distance']} and "
        f"{facts['strongest_days']} apart: {number(float(facts['strongest_ratio']), 2)} times as many pairs as "
        "by chance. Incidents of any type within a near-repeat band on the day after the records: "
        f"{facts['incidents_at_risk']:,}."
    )


def hot_spot_sentences(part: DescribedPart) -> Iterator[str]:
    """Yield how many hot spots there are, and how many are new, lasting and gone."""
    facts = part.facts
    if not facts["periods"]:
        yield part.notes[0]
        return
    span = "month" if facts["period_length"] == _ONE_MONTH else facts["period_length"]
    if not facts["types_tested"]:
        yield f"Hot spots are not tested in the last {span}: for each crime type, all cells have the same count."
        return
    head = f"{facts['hot_spots']:,} significant hot spots in the last {span}"
    if not facts["compared_with"]:
        yield f"{head}. There is no earlier period to compare with."
        return
    yield (
        f"{head}. Against {facts['compared_with']}, {facts['hot_spots_new']:,} are new, "
        f"{facts['hot_spots_lasting']:,} lasting and {facts['hot_spots_gone']:,} gone."
    )


def repeats_view(part: DescribedPart, data: DescriptionData, folder: Path) -> dict[str, Any]:
    """Return bands by crime type, areas with incidents at risk, and their map."""
    knox, risk = part.tables["knox"], part.tables["risk"]
    tables = [
        {"crime_type": kind, "near": _latest(rows), **_bands(rows)}
        for kind, rows in knox.groupby("crime_type", sort=False)
    ]
    areas = part.tables["risk_areas"].sort_values("incidents", ascending=False, kind="stable")
    return {
        "metric": part.facts["metric"],
        "draws": part.facts["draws"],
        "tables": sorted(tables, key=lambda table: -table["near"]),
        "process": [_process_row(row) for row in part.tables["process"].to_dict("records")],
        "bands": [_process_band(row) for row in part.tables["process_bands"].to_dict("records")],
        "areas": [
            {
                "area": row["area"] or "no area",
                "crime_type": row["crime_type"],
                "incidents": f"{row['incidents']:,}",
                "radius": f"{row['radius_m']:,.0f} m" if row["radius_m"] >= 1 else "the same place",
                "until": f"{row['risk_until']:%Y-%m-%d}",
            }
            for row in areas.head(_MOST_AREAS).to_dict("records")
        ],
        "more": max(0, len(areas) - _MOST_AREAS),
        "figure": _risk_map(risk, data, folder),
    }


def _latest(rows: pd.DataFrame) -> int:
    """Return 2 if a near repeat lasts beyond the same day, 1 if it is on the same day only, and 0 without any."""
    near = rows[rows["near_repeat"].astype(bool)]
    return 0 if near.empty else 1 + int((near["days_to"] > 0).any())


def _bands(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the closed bands as a matrix of ratios; a word marks a near repeat."""
    closed = rows[rows["q"].notna()]
    days = list(closed["days"].unique())
    lines = [
        (distance, [_band(row) for row in band.to_dict("records")])
        for distance, band in closed.groupby("distance", sort=False)
    ]
    return {"days": days, "rows": lines}


def _band(row: Mapping[Any, Any]) -> dict[str, str]:
    near = bool(row["near_repeat"])
    return {
        "ratio": number(row["ratio"], 3),
        "pairs": f"{row['observed']:,} / {number(row['expected'])}",
        "state": "more" if near else "",
        "word": "near repeat" if near else "",
    }


def _process_row(row: Mapping[Any, Any]) -> dict[str, str]:
    """Return what a self-exciting process says of one crime type, next to the Knox table."""
    pairs = row["excess_pairs"]
    return {
        "crime_type": str(row["crime_type"]),
        "share": f"{percent(row['triggered_share'], 1)} ({percent(row['shuffled_share'], 1)})",
        "pairs": number(pairs),
        "chains": percent(min(row["chain_pairs"] / pairs, 1.0), 0)
        if pairs > 0 and row["chain_pairs"] >= 0
        else MISSING,
        "distance": _both(row["knox_half_distance_m"], row["process_half_distance_m"], "m"),
        "days": _both(row["knox_half_days"], row["process_half_days"], "days"),
        "reading": str(row["reading"]),
    }


def _both(knox: float, process: float, unit: str) -> str:
    texts = [MISSING if np.isnan(value) else f"{value:,.0f} {unit}" for value in (knox, process)]
    return " / ".join(texts) if set(texts) != {MISSING} else MISSING


def _process_band(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "label": f"{row['crime_type']}, {row['distance']}, {row['days']}",
        "pairs": _with_share(row["excess_pairs"], row["excess_share"]),
        "repeats": _with_share(row["direct_repeats"], row["direct_share"]),
    }


def _with_share(value: float, share: float) -> str:
    return f"{number(value)} ({percent(share, 0)})" if np.isfinite(share) else number(value)


def _risk_map(risk: pd.DataFrame, data: DescriptionData, folder: Path) -> FigureFile | None:
    once = risk.drop_duplicates("incident")
    panels = {
        str(kind): np.minimum(_by_cell(rows["cell"], data), len(_COUNTS)) - 1
        for kind, rows in once[once["cell"] != ""].groupby("crime_type")
    }
    text = "Cells with recent incidents within a near-repeat band on the day after the records"
    return _maps(panels, data, _COUNTS, "recent incidents in the cell", folder / "risk.png", text)


def _by_cell(cells: pd.Series, data: DescriptionData) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.bincount(data.grid.cells.astype(str).get_indexer(pd.Index(cells.astype(str))), minlength=len(data.grid))


def hot_spots_view(part: DescribedPart, data: DescriptionData, folder: Path) -> dict[str, Any]:
    """Return the classes by crime type, changes by area, and the maps."""
    cells, classes = part.tables["hot_cells"], part.tables["hot_classes"]
    names = [name for name, _ in _CLASSES]
    panels = {}
    for kind, rows in cells.groupby("crime_type", sort=False):
        position = np.full(len(data.grid), -1, dtype=np.int64)
        at = data.grid.cells.astype(str).get_indexer(pd.Index(rows["cell"].astype(str)))
        position[at] = [names.index(name) if name in names else -1 for name in rows["class"]]
        panels[str(kind)] = position
    areas = part.tables["hot_areas"].sort_values(["new", "gone"], ascending=False, kind="stable")
    changed = areas[(areas["new"] > 0) | (areas["gone"] > 0)] if len(areas) else areas
    return {
        "periods": part.facts["periods"],
        "period_length": part.facts["period_length"],
        "tested": part.facts["types_tested"],
        "compared_with": part.facts["compared_with"],
        "names": names,
        "rows": [
            (str(kind), [f"{int(rows.loc[rows['class'] == name, 'cells'].sum()):,}" for name in names])
            for kind, rows in classes.groupby("crime_type", sort=False)
        ],
        "areas": changed.head(_MOST_AREAS).to_dict("records"),
        "more": max(0, len(changed) - _MOST_AREAS),
        "figure": _maps(
            panels,
            data,
            _CLASSES,
            f"{part.facts['periods']} periods of {part.facts['period_length']}",
            folder / "hot_spots.png",
            "Cells that were significant hot spots, by how often and when",
        ),
    }


def _maps(
    panels: Mapping[str, Any],
    data: DescriptionData,
    classes: tuple[tuple[str, str], ...],
    legend: str,
    path: Path,
    text: str,
) -> FigureFile | None:
    """Return the maps of the first crime types that have a cell in a class."""
    shown = {kind: position for kind, position in panels.items() if (position >= 0).any()}
    shown = dict(list(shown.items())[:_MOST_MAPS])
    if not shown:
        return None
    figure = plot_class_maps(MapGeometry.from_grid(data.grid), shown, classes, legend)
    return FigureFile(save_figure(figure, path, text), f"{text}: maps of {', '.join(shown)}.", f"{text}.")
