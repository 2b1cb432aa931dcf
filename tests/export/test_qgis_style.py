import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd

from ilp_models.export.qgis_style import EFFORT, map_groups, qgis_style
from ilp_models.stats.map_classes import class_colours, class_edges

TABLE = pd.DataFrame({"crime_type": "Theft", "period": ["1"] * 12 + ["2"] * 12, "expected": np.arange(24.0)})


def root_of(style):
    return ET.fromstring(style)  # noqa: S314 - written by this test


def test_rows_that_a_map_shows_together_have_edges_of_their_own():
    one, other = map_groups(TABLE, ("crime_type", "period"))
    assert (one.label, one.condition) == ("Theft, 1", "\"crime_type\" = 'Theft' AND \"period\" = '1'")
    assert one.edges.tolist() == class_edges(np.arange(12.0)).tolist()
    assert other.edges.tolist() == class_edges(np.arange(12.0, 24.0)).tolist()


def test_quotes_and_backslashes_of_a_label_are_escaped():
    (one,) = map_groups(TABLE.assign(crime_type="Robber's \\\x00"), ("crime_type",))
    assert one.condition == "\"crime_type\" = 'Robber''s \\\\'"


def test_cells_without_effort_are_in_no_class():
    table = pd.DataFrame({"period": "1", "effort": [0.0, 2.0, 2.0]})
    (one,) = map_groups(table, ("period",), EFFORT)
    assert one.condition == '"period" = \'1\' AND "effort" > 0'
    assert one.edges.tolist() == [2, 2]
    root = root_of(qgis_style([one], ["effort"], "", EFFORT))
    assert root.find("renderer-v2/ranges/range").get("label") == "2"
    assert root.get("labelsEnabled") == "0"


def test_one_group_is_graduated_with_the_colours_of_the_classes():
    groups = map_groups(TABLE, ("crime_type",))
    root = root_of(qgis_style(groups, ["cell", "expected"], "Research only \x00"))
    ranges = root.findall("renderer-v2/ranges/range")[::-1]
    assert [float(one.get("lower")) for one in ranges] == groups[0].edges[:-1].tolist()
    symbols = {one.get("name"): one for one in root.findall("renderer-v2/symbols/symbol")}
    shown = [symbols[one.get("symbol")].find("layer/Option/Option[@name='color']").get("value") for one in ranges]
    wanted = [tuple(bytes.fromhex(colour[1:])) for colour in class_colours(len(ranges))]
    assert [tuple(map(int, one.split(",")))[:3] for one in shown] == wanted
    assert [one.get("name") for one in root.findall("aliases/alias")] == ["Cell", "Expected crimes"]
    assert root.findtext("resourceMetadata/abstract").startswith("Research only")


def test_several_groups_are_rules_of_which_the_first_is_on():
    root = root_of(qgis_style(map_groups(TABLE, ("period",)), [], ""))
    rules = root.findall("renderer-v2/rules/rule")
    assert [one.get("checkstate") for one in rules] == [None, "0"]
    filters = [one.get("filter") for one in rules[0]]
    edges = class_edges(np.arange(12.0))[1:-1].tolist()
    assert filters[0] == f'"expected" < {edges[0]!r}'  # the lowest and the highest class are open
    assert filters[-1] == f'"expected" >= {edges[-1]!r}'
