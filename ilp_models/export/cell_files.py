"""Write the cells of a grid as files, without a forecast."""

from pathlib import Path

import geopandas as gpd
import pandas as pd

from ilp_models.domain.grid import Grid


def write_cells_parquet(grid: Grid, path: Path) -> None:
    """Write name, ground area, parent areas and polygon of each cell as GeoParquet, in the CRS of the grid."""
    _frame(grid).to_parquet(path, compression="zstd", index=False)


def write_cells_geojson(grid: Grid, path: Path) -> None:
    """Write the same as GeoJSON, in degrees."""
    write_shapes_geojson(_frame(grid), grid.crs, path)


def write_shapes_geojson(table: pd.DataFrame, crs: str, path: Path) -> None:
    """Write rows with polygons in the column `geometry` as GeoJSON, in degrees."""
    shapes = gpd.GeoDataFrame(table, geometry="geometry", crs=crs).to_crs("EPSG:4326")
    path.write_text(shapes.to_json(drop_id=True), encoding="utf-8")


def _frame(grid: Grid) -> gpd.GeoDataFrame:
    table = grid.to_frame().drop(columns="population", errors="ignore").rename_axis("cell").reset_index()
    return gpd.GeoDataFrame(table, geometry="geometry", crs=grid.crs)
