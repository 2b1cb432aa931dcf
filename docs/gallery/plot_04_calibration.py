"""
Calibration of expected counts
==============================

Squares and weeks are grouped by their expected count. In a calibrated forecast, the mean recorded count of each
group is on the diagonal.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

events = ilp.load_toronto(start="2019-01-01")
models = {"ewma": ilp.EWMA(), "lightgbm": ilp.LightGBM()}
backtest = ilp.run_backtest(models, events, ilp.SquareGrid(2000), test_periods=26, refit_every=26)
calibration = ilp.compare_forecasts(backtest).calibration
bins = calibration.query("forecaster == 'lightgbm' and crime_type == 'Assault'")

figure, axes = plt.subplots(figsize=(5, 5))
error = [bins["observed"] - bins["low"], bins["high"] - bins["observed"]]
axes.errorbar(bins["expected"], bins["observed"], yerr=error, fmt="o", capsize=3)
axes.axline((0.1, 0.1), slope=1, color="grey", linestyle=":")
axes.set_xscale("log")
axes.set_yscale("log")
axes.set_xlabel("expected assaults per square and week")
axes.set_ylabel("recorded assaults per square and week")
