"""
Recorded crime is not crime
===========================

A simulated city in which more crime is recorded where one group lives. The true number of incidents is known here.
In real records it is not, and no score can show the difference.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

city = ilp.SimulatedCity(reporting_slope=0.5, reporting_rate=0.6)
truth = city.truth().groupby("area")[["occurred", "recorded"]].sum()
residents = city.groups().pivot(index="area", columns="group", values="population")
share = residents[city.marked_group] / residents.sum(axis=1)

figure, axes = plt.subplots(figsize=(6, 4))
axes.scatter(
    100 * share.loc[truth.index], 100 * truth["recorded"] / truth["occurred"], s=truth["occurred"] / 50, alpha=0.6
)
axes.set_xlabel(f"residents of the group {city.marked_group}, %")
axes.set_ylabel("recorded share of the incidents, %")
