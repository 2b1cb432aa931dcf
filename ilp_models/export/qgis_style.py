"""Styles for QGIS (QML): the map classes of the report as colours, labels of the highest cells, names of columns."""

import re
import xml.etree.ElementTree as ET  # only writes: nothing is parsed
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.printable import printable
from ilp_models.export.column_texts import column_text
from ilp_models.stats.map_classes import class_colours, class_edges

TOP_CELLS: Final = 10  # with a label, as in the report
_VERSION: Final = "3.28.0"  # the oldest supported version that reads every element
_NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_OUTLINE: Final = "91,103,112,255"


@dataclass(frozen=True)
class MapVariable:
    """A column that a map shows, its name for readers, and expressions of QGIS for labels and their priority."""

    column: str
    title: str
    label: str
    priority: str
    zero: bool = True  # whether cells with 0 are drawn


RISK: Final = MapVariable(
    "expected",
    "Expected crimes",
    f"""CASE WHEN "rank" <= {TOP_CELLS} THEN "rank" || ': ' || round("expected", 1) END""",
    f'{TOP_CELLS + 1} - "rank"',
)
EFFORT: Final = MapVariable(
    "effort", "Effort", """CASE WHEN "effort" > 0 THEN round("effort", 2) END""", "5", zero=False
)


@dataclass(frozen=True, eq=False)
class MapGroup:
    """Rows of one crime type and period that a map shows together, with their class edges."""

    label: str
    condition: str  # expression of QGIS
    edges: npt.NDArray[np.float64]


def map_groups(table: pd.DataFrame, names: Sequence[str], shown: MapVariable = RISK) -> list[MapGroup]:
    """Return one group for each combination of the columns ``names``, such as crime type and period."""
    groups, drawn = [], table if shown.zero else table[table[shown.column] > 0]
    for labels, rows in drawn.groupby(list(names), sort=False, observed=True):
        parts = [f'"{name}" = {_quoted(str(label))}' for name, label in zip(names, labels, strict=True)]
        parts += [] if shown.zero else [f'"{shown.column}" > 0']
        values = rows[shown.column].to_numpy(dtype=float)
        edges = np.array([values[0]] * 2) if np.ptp(values) == 0 else class_edges(values)
        groups.append(MapGroup(", ".join(map(str, labels)), " AND ".join(parts), edges))
    return groups


def qgis_style(groups: Sequence[MapGroup], columns: Iterable[str], note: str, shown: MapVariable = RISK) -> str:
    """Return a style as QML: one group as graduated colours, several as rules of which the first is switched on.

    ``note`` states the permitted use.
    """
    differ = any(len(group.edges) > 2 for group in groups)  # equal numbers need no labels
    labels = "1" if differ else "0"
    root = ET.Element("qgis", version=_VERSION, styleCategories="AllStyleCategories", labelsEnabled=labels)
    if len(groups) == 1:
        _add_graduated(root, groups[0], shown)
    else:
        _add_rules(root, groups, shown)
    _add_labels(root, shown)
    aliases = ET.SubElement(root, "aliases")
    for position, name in enumerate(columns):
        ET.SubElement(aliases, "alias", index=str(position), field=name, name=column_text(name)[0])
    ET.SubElement(root, "previewExpression").text = '"cell"'
    ET.SubElement(ET.SubElement(root, "resourceMetadata"), "abstract").text = _xml_text(note)
    ET.SubElement(root, "layerGeometryType").text = "2"  # polygons
    ET.indent(root)
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{ET.tostring(root, encoding='unicode')}\n"


def _add_graduated(root: ET.Element, group: MapGroup, shown: MapVariable) -> None:
    kind = {"type": "graduatedSymbol", "attr": shown.column, "graduatedMethod": "GraduatedColor", "symbollevels": "0"}
    renderer = ET.SubElement(root, "renderer-v2", kind)
    ranges, symbols = ET.SubElement(renderer, "ranges"), ET.SubElement(renderer, "symbols")
    classes = list(zip(pairwise(group.edges.tolist()), class_colours(len(group.edges) - 1), strict=True))
    # from the highest: QGIS draws a value at an edge in the first range that holds it, and the report in the higher
    for position, ((low, high), colour) in enumerate(reversed(classes)):
        bounds = {"lower": repr(low), "upper": repr(high), "label": _class_label(low, high), "render": "true"}
        ET.SubElement(ranges, "range", {"symbol": str(position), **bounds})
        _add_symbol(symbols, str(position), colour)
    ET.SubElement(renderer, "classificationMethod", id="Custom")


def _add_rules(root: ET.Element, groups: Sequence[MapGroup], shown: MapVariable) -> None:
    renderer = ET.SubElement(root, "renderer-v2", type="RuleRenderer", symbollevels="0")
    rules, symbols, number = ET.SubElement(renderer, "rules", key="{rules}"), ET.SubElement(renderer, "symbols"), 0
    column = f'"{shown.column}"'
    for place, group in enumerate(groups):
        switched = {} if place == 0 else {"checkstate": "0"}
        words = {"key": f"{{group {place}}}", "label": _xml_text(group.label), "filter": group.condition, **switched}
        parent = ET.SubElement(rules, "rule", words)
        edges = group.edges.tolist()
        for position, ((low, high), colour) in enumerate(
            zip(pairwise(edges), class_colours(len(edges) - 1), strict=True)
        ):
            # the lowest and the highest class are open: text formats round the numbers
            parts = [*([f"{column} >= {low!r}"] if position else []), f"{column} < {high!r}"]
            limits = parts if position < len(edges) - 2 else parts[:-1]
            words = {"key": f"{{class {number}}}", "symbol": str(number), "label": _class_label(low, high)}
            ET.SubElement(parent, "rule", {**words, "filter": " AND ".join(limits) or "TRUE"})
            _add_symbol(symbols, str(number), colour)
            number += 1


def _add_symbol(symbols: ET.Element, name: str, colour: str) -> None:
    symbol = ET.SubElement(symbols, "symbol", type="fill", name=name, alpha="1", clip_to_extent="1")
    layer = {"class": "SimpleFill", "enabled": "1", "locked": "0", "pass": "0"}
    options = ET.SubElement(ET.SubElement(symbol, "layer", layer), "Option", type="Map")
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    values = {
        "color": f"{red},{green},{blue},255",
        "style": "solid",
        "outline_color": _OUTLINE,
        "outline_style": "solid",
        "outline_width": "0.05",
        "outline_width_unit": "MM",
    }
    for key, value in values.items():
        ET.SubElement(options, "Option", type="QString", name=key, value=value)


def _add_labels(root: ET.Element, shown: MapVariable) -> None:
    settings = ET.SubElement(ET.SubElement(root, "labeling", type="simple"), "settings", calloutType="simple")
    font = {"fontSize": "8", "fontSizeUnit": "Point", "fontWeight": "75", "textColor": "0,0,0,255", "textOpacity": "1"}
    style = ET.SubElement(settings, "text-style", {"fieldName": shown.label, "isExpression": "1", **font})
    halo = {"bufferDraw": "1", "bufferSize": "1", "bufferSizeUnits": "MM", "bufferOpacity": "1"}
    ET.SubElement(style, "text-buffer", {**halo, "bufferColor": "255,255,255,255"})
    place = {"placement": "1", "quadOffset": "4", "polygonPlacementFlags": "2", "priority": "5"}  # over the centre
    ET.SubElement(settings, "placement", place)
    _add_priority(settings, shown)
    ET.SubElement(settings, "rendering", drawLabels="1", obstacle="1", scaleVisibility="0")


def _add_priority(settings: ET.Element, shown: MapVariable) -> None:
    """Set which label is drawn where two overlap."""
    options = ET.SubElement(ET.SubElement(settings, "dd_properties"), "Option", type="Map")
    properties = ET.SubElement(options, "Option", type="Map", name="properties")
    priority = ET.SubElement(properties, "Option", type="Map", name="Priority")
    ET.SubElement(priority, "Option", type="bool", name="active", value="true")
    ET.SubElement(priority, "Option", type="QString", name="expression", value=shown.priority)
    ET.SubElement(priority, "Option", type="int", name="type", value="3")  # an expression
    ET.SubElement(options, "Option", type="QString", name="type", value="collection")


def _class_label(low: float, high: float) -> str:
    return f"{low:.2g} to {high:.2g}" if low < high else f"{low:.2g}"


def _quoted(text: str) -> str:
    """Return a text as a string of an expression of QGIS."""
    safe = text.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n").replace("\t", "\\t")
    return f"'{_NO_XML.sub('', safe)}'"


def _xml_text(text: str) -> str:
    return _NO_XML.sub("", printable(text))
