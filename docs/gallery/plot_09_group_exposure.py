"""
Exposure of groups of residents
===============================

In the simulated city, which share of each group lives in flagged areas, and which share of the recorded events where
it lives is flagged? The numbers come from a fairlearn ``MetricFrame``.
"""

import matplotlib.pyplot as plt

import ilp_models as ilp

city = ilp.SimulatedCity(districts=9, weeks=160)
models = {"mean": ilp.MovingAverage(), "level_share": ilp.LevelShare()}
backtest = ilp.run_backtest(models, city.read(), ilp.SquareGrid(500), test_periods=26, refit_every=26, baseline="mean")
forecast = ilp.make_forecast(models["level_share"], backtest.events, ilp.SquareGrid(500))
audit = ilp.audit_plan(backtest, forecast, rule=ilp.TopAreas(share=0.1), baseline="mean", residents=city.groups())
groups = audit.metric_frame("burglary").by_group

figure, axes = plt.subplots(figsize=(6, 3.5))
groups[["exposure", "coverage"]].plot.bar(ax=axes, rot=0)
axes.set_xlabel("group of residents")
axes.set_ylabel("share")
