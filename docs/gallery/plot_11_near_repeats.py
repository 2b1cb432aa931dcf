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
tables = ilp.describe_events(events, ilp.SquareGrid(500), parts=[part]).part("near_repeats").tables
knox = tables["knox"]
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

# %%
# Repeats, or busy places?
# ------------------------
#
# A place that is busy for some weeks also has pairs above expectation. A self-exciting process separates the two in
# part. Here it finds few repeats, most of them near and soon. It explains most pairs above expectation by busy
# places.

bands = tables["process_bands"]
print(tables["process"]["reading"].iloc[0])

figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
position = np.arange(len(bands))
axes.barh(position - 0.2, bands["excess_pairs"], 0.4, label="Knox: pairs above expectation")
axes.barh(position + 0.2, bands["direct_repeats"], 0.4, label="process: direct repeats")
axes.set_yticks(position, bands["distance"] + ", " + bands["days"])
axes.invert_yaxis()
axes.set_xlabel("pairs of break-ins in two years")
figure.legend(loc="outside upper center", ncols=2)
