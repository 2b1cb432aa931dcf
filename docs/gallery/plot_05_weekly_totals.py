"""
Expected and recorded counts of a city
======================================

The sum over all squares by week. A forecast can rank places well and still have the wrong level.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

events = ilp.load_toronto(start="2019-01-01")
models = {"mean": ilp.MovingAverage(), "ewma": ilp.EWMA(), "lightgbm": ilp.LightGBM()}
backtest = ilp.run_backtest(models, events, ilp.SquareGrid(2000), test_periods=26, refit_every=26)
table = backtest.to_frame().query("crime_type == 'Auto Theft'")
weeks = table.groupby(["forecaster", "period"])[["expected", "observed"]].sum()

figure, axes = plt.subplots(figsize=(7, 3.5))
for name in models:
    week = weeks.loc[name]
    axes.plot(week.index.to_timestamp(), week["expected"], label=name)
axes.plot(week.index.to_timestamp(), week["observed"], color="black", marker=".", linestyle="", label="recorded")
axes.set_ylabel("auto thefts per week")
axes.legend()
