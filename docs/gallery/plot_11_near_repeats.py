"""
Near repeats
============

How many times as many pairs of burglaries are close in space and time as dates at random would give? A cross marks the
bands whose excess is more than chance.
"""

import matplotlib.pyplot as plt
import numpy as np

import ilp_models as ilp

events = ilp.load_toronto(start="2020-01-01").select_types(["Break and Enter"])
part = ilp.NearRepeats(draws=199)
knox = ilp.describe_events(events, ilp.SquareGrid(500), parts=[part]).part("near_repeats").tables["knox"]
closed = knox[knox["q"].notna()]
ratio = closed.pivot(index="from_m", columns="days_from", values="ratio")
near = closed.pivot(index="from_m", columns="days_from", values="near_repeat")

figure, axes = plt.subplots(figsize=(6, 3))
image = axes.imshow(ratio, aspect="auto", cmap="magma_r")
axes.set_xticks(range(ratio.shape[1]), closed["days"].unique())
axes.set_yticks(range(ratio.shape[0]), closed["distance"].unique())
rows, columns = np.nonzero(near.to_numpy(dtype=bool))
axes.plot(columns, rows, "x", color="white")
figure.colorbar(image, label="pairs / expected pairs")
