"""
Share of crime captured by share of land
========================================

If the highest-ranked squares are flagged each week, which share of the assaults do they contain? The upper curve
is a forecast that knows the counts.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

events = ilp.load_toronto(start="2019-01-01")
models = {"mean": ilp.MovingAverage(), "ewma": ilp.EWMA(), "lightgbm": ilp.LightGBM()}
backtest = ilp.run_backtest(models, events, ilp.SquareGrid(2000), test_periods=26, refit_every=26)
curves = backtest.hit_curves().query("crime_type == 'Assault'")

figure, axes = plt.subplots(figsize=(6, 4))
for name, curve in curves.groupby("forecaster"):
    axes.plot(100 * curve["share"], 100 * curve["hit_rate"], label=name)
axes.plot(100 * curve["share"], 100 * curve["oracle"], color="grey", linestyle=":", label="perfect forecast")
axes.set_xlabel("flagged areas, % of the land")
axes.set_ylabel("assaults in flagged areas, %")
axes.legend()
