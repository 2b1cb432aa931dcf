"""
Concentration of crime
======================

Which share of all records is in which share of the squares? Crime is concentrated, so a forecast of places is
useful at all. The dotted line is an even distribution over the squares with a record.
"""

import matplotlib.pyplot as plt
import numpy as np

import ilp_models as ilp

events = ilp.load_toronto().table
square = (events["x"] // 500).astype(int).astype(str) + "," + (events["y"] // 500).astype(int).astype(str)

figure, axes = plt.subplots(figsize=(6, 4))
for crime_type, squares in square.groupby(events["crime_type"], observed=True):
    counts = np.sort(squares.value_counts().to_numpy())[::-1]
    axes.plot(
        100 * np.arange(1, len(counts) + 1) / square.nunique(), 100 * counts.cumsum() / counts.sum(), label=crime_type
    )
axes.axline((0, 0), slope=1, color="grey", linestyle=":")
axes.set_xlim(0, 50)
axes.set_ylim(0, 100)
axes.set_xlabel("squares of 500 m, %")
axes.set_ylabel("records, %")
axes.legend()
