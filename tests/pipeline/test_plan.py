"""From stored places to a territory, and the terms on which one may be shared out."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from ilp_models.domain.errors import InputError, WithheldError
from ilp_models.export.table import CellTable
from ilp_models.pipeline.audited_rule import territory_of, value_per_unit
from ilp_models.pipeline.plan import grid_of, require_audited_terms
from tests.allocation.allocation_inputs import small_town
from tests.builders import square_grid

AUDITED = {"rank_by": "count", "land_share": 0.1, "group_table": "a" * 64}


def places(labels=True):
    grid = square_grid(3, 4)
    areas = grid.parents["neighbourhood"].to_numpy() if labels else np.full(12, "", dtype=object)
    return CellTable(grid.cells, gpd.GeoSeries(list(grid.geometry), crs=grid.crs), areas)


def test_neighbours_share_a_border_and_not_only_a_corner():
    grid = grid_of(places())
    assert (grid.neighbours.toarray() == square_grid(3, 4).neighbours.toarray()).all()
    assert list(grid.parents["area"]) == list(square_grid(3, 4).parents["neighbourhood"])
    np.testing.assert_allclose(grid.area_m2, 250_000)


def test_slivers_between_given_areas_do_not_part_them():
    boxes = [shapely.box(0, 0, 100, 100), shapely.box(100.5, 0, 200, 100), shapely.box(300, 0, 400, 100)]
    far = CellTable(pd.Index(["a", "b", "c"]), gpd.GeoSeries(boxes, crs="EPSG:32617"), np.full(3, "", dtype=object))
    assert grid_of(far).neighbours.toarray().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert grid_of(far).parents.empty


def test_a_territory_has_centres_and_districts():
    grid = grid_of(places())
    made = territory_of(grid, places().area, ())
    assert made.centres[0].tolist() == [630_250.0, 4_834_250.0]
    assert set(made.districts) == {"West", "East"}


def test_cells_are_ranked_in_the_unit_asked_for():
    ground, value = small_town(), np.ones((12, 1))
    np.testing.assert_allclose(value_per_unit(value, "count", ground), 1)
    np.testing.assert_allclose(value_per_unit(value, "per_km2", ground), 4)
    np.testing.assert_allclose(value_per_unit(value, "per_resident", ground)[:, 0], 1 / ground.residents[0].total)
    with pytest.raises(InputError, match="Use count"):
        value_per_unit(value, "per_crime", ground)


def test_the_terms_audited_are_allowed():
    require_audited_terms("count", "a" * 64, AUDITED)
    require_audited_terms("count", "", AUDITED)


@pytest.mark.parametrize(
    ("terms", "words"),
    [(("per_km2", ""), "rank_by=count"), (("count", "b" * 64), "differs from the audited one")],
)
def test_other_terms_are_refused(terms, words):
    with pytest.raises(WithheldError, match=words):
        require_audited_terms(*terms, AUDITED)
