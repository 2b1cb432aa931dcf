"""Write the lattice of the ST-SHN benchmark as areas, cells.geojson; needs only python3.

python3 experiments/chicago-daily/cells.py

14 rows from the south by 12 columns from the west, of 3/111 by 3/84 degrees, from the least latitude and longitude of
the records. A point on a shared border belongs to the northern or eastern cell there and to the first by name here,
which no record tells apart; the outermost borders are moved out by a hair, so that the records on them are inside.
"""

import json
from pathlib import Path

TARGET = Path(__file__).resolve().with_name("cells.geojson")
ROWS, COLUMNS = 14, 12
SOUTH, WEST = 41.644604096, -87.927881741  # of the southernmost and of the westernmost record
ROWS_A_DEGREE, COLUMNS_A_DEGREE = 37.0, 28.0  # 111 / 3 and 84 / 3
HAIR = 1e-6  # degrees, 0.1 m
PARTS = 8  # of a border from west to east: on a map in metres a parallel is bent, by 20 cm over the width of a cell


def main() -> None:
    """Write all 168 cells, of which the records make 94 active."""
    latitudes = [SOUTH - HAIR, *(SOUTH + row / ROWS_A_DEGREE for row in range(1, ROWS + 1))]
    longitudes = [WEST - HAIR, *(WEST + column / COLUMNS_A_DEGREE for column in range(1, COLUMNS + 1))]
    cells = [
        feature(f"r{row:02d}c{column:02d}", latitudes[row : row + 2], longitudes[column : column + 2])
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
    text = ",\n".join(json.dumps(cell) for cell in cells)
    TARGET.write_text(f'{{"type": "FeatureCollection", "features": [\n{text}\n]}}\n', encoding="utf-8")


def feature(name: str, latitudes: list[float], longitudes: list[float]) -> dict[str, object]:
    """Return one cell, its corners to the seventh digit of a degree (a centimetre)."""
    (south, north), (west, east) = ([round(value, 7) for value in pair] for pair in (latitudes, longitudes))
    across = [round(west + (east - west) * part / PARTS, 7) for part in range(PARTS + 1)]
    ring = [*([x, south] for x in across), *([x, north] for x in reversed(across)), [west, south]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": {"cell": name}, "geometry": shape}


if __name__ == "__main__":
    main()
