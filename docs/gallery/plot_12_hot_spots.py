"""
Hot spots by class
==================

Cells that, with their neighbours, had significantly many assaults in some of the last 13 periods of four weeks. They
describe the past. They are not a forecast.
"""

import matplotlib.pyplot as plt
import shapely

import ilp_models as ilp

events = ilp.load_toronto(start="2020-12-01").select_types(["Assault"])
description = ilp.describe_events(events, ilp.SquareGrid(500, active="closing"), parts=[ilp.HotSpots()])
hot, grid = description.part("hot_spots").tables["hot_cells"], description.data.grid
east, north = shapely.get_coordinates(shapely.centroid(grid.geometry)).T / 1000

figure, axes = plt.subplots(figsize=(7, 4.5))
axes.scatter(east, north, s=4, color="0.9", marker="s")
for name, rows in hot.groupby("class"):
    at = grid.cells.get_indexer(rows["cell"])
    axes.scatter(east[at], north[at], s=10, marker="s", label=f"{name} ({len(rows)})")
axes.set(aspect="equal", xlabel="east, km", ylabel="north, km")
axes.legend()
