"""
Concentration of crime
======================

Which share of all records is in the busiest squares? Few crimes on many squares look concentrated even by chance, so
the dotted lines show as many crimes at random.
"""

import matplotlib.pyplot as plt
import numpy as np

import ilp_models as ilp

events = ilp.load_toronto(start="2021-01-01")
part = ilp.Concentration(cell_shares=np.arange(0.01, 0.51, 0.01))
description = ilp.describe_events(events, ilp.SquareGrid(500, active="closing"), parts=[part])
table = description.part("concentration").tables["cell_shares"]

figure, axes = plt.subplots(figsize=(6, 4))
for crime_type, rows in table.groupby("crime_type", sort=False):
    (line,) = axes.plot(100 * rows["cell_share"], 100 * rows["crime_share"], label=crime_type)
    axes.plot(100 * rows["cell_share"], 100 * rows["chance_crime_share"], color=line.get_color(), linestyle=":")
axes.set_xlabel("busiest squares of 500 m, %")
axes.set_ylabel("records of 2021, %")
axes.legend()
