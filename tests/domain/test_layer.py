import dataclasses

import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, NotRunError
from ilp_models.domain.history import History
from ilp_models.domain.layer import Layer, Layers
from tests.builders import city, events_of, poisson_counts

CRS = "EPSG:32617"
DAY = pd.Timestamp("2019-07-01")


def bars(name="bars", known_from=None, points=((0, 0), (3, 4))):
    return Layer(name, shapely.points(np.array(points, dtype=float)), CRS, known_from)


def test_a_layer_has_a_kind_and_a_length():
    assert (len(bars()), bars().kind) == (2, "points")
    assert Layer("tram", np.array([shapely.LineString([(0, 0), (1, 1)])]), CRS).kind == "lines"
    assert Layer("parks", np.array([shapely.box(0, 0, 1, 1)]), CRS).kind == "polygons"


@pytest.mark.parametrize(
    ("name", "geometry", "said"),
    [
        ("Bars", [shapely.Point(0, 0)], "name 'Bars' is not usable"),
        ("bars", [], "has no feature"),
        ("bars", [shapely.Point(0, 0), shapely.box(0, 0, 1, 1)], "not point, polygon"),
        ("bars", [shapely.MultiPoint([(0, 0), (1, 1)])], "not multipoint"),
        ("bars", [None], "not nothing"),
        ("bars", [shapely.Point(0, 0), shapely.Point(np.inf, 0)], "part 2 is empty, infinite or invalid"),
        ("bars", [shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], "part 1 is empty, infinite or invalid"),
    ],
)
def test_unusable_geometry_is_refused(name, geometry, said):
    with pytest.raises(InputError, match=said):
        Layer(name, np.array(geometry, dtype=object), CRS)


def test_the_digest_does_not_depend_on_the_order():
    digest = bars().digest
    assert bars(points=((3, 4), (0, 0))).digest == digest
    others = [bars("pubs"), bars(known_from=DAY), bars(points=((0, 0), (3, 5))), dataclasses.replace(bars(), crs="X")]
    assert len({digest, *(other.digest for other in others)}) == 5
    assert Layers((bars("b"), bars("a"))).digests() == {"a": bars("a").digest, "b": bars("b").digest}


def test_of_later_layers_only_the_name_remains():
    layers = Layers((bars(), bars("pubs", DAY)))
    before = layers.known_at(DAY - pd.Timedelta(seconds=1))
    assert [layer.name for layer in before.known] == ["bars"]
    assert before.known_later == {"pubs": DAY}
    assert layers.known_at(DAY) is layers
    with pytest.raises(NotRunError, match=r"pubs is known from 2019-07-01 only"):
        before.select()
    assert [layer.name for layer in before.select(["bars"])] == ["bars"]
    earlier = Layers((bars("a", DAY), bars("b", DAY + pd.Timedelta(days=5)))).known_at(DAY)
    assert set(earlier.known_at(DAY - pd.Timedelta(days=1)).known_later) == {"a", "b"}


def test_the_order_of_settings_changes_nothing():
    one, other = bars("a"), bars("b")
    assert Layers((other, one)).select() == Layers((one, other)).select(["b", "a"]) == (one, other)


def test_missing_layers_are_named():
    with pytest.raises(NotRunError, match=r"no context layer; set one, such as layers\.bars\.path="):
        Layers().select()
    with pytest.raises(NotRunError, match=r"no layer pubs, only bars; set layers\.pubs\.path"):
        Layers((bars(),)).select(["pubs"])
    with pytest.raises(InputError, match="Two layers have the name bars"):
        Layers((bars(), bars()))


def test_a_history_refuses_later_layers():
    grid = city()
    events = events_of(poisson_counts((2, 12, 20)), grid)
    layers = Layers((bars(known_from=events.end),))
    cutoff = events.start + pd.Timedelta(weeks=10)
    history = History.from_events(cutoff, events, grid, Calendar(), layers)
    assert history.layers.known == ()
    assert History.from_events(events.end, events, grid, Calendar(), layers).layers is layers
    with pytest.raises(InputError, match="a layer that is known later"):
        dataclasses.replace(history, layers=layers)
