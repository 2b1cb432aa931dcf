"""
Skill of forecasting methods
============================

Reduction in Poisson deviance relative to a tuned EWMA, with 95 % intervals from resampled blocks of weeks.
An interval that contains 0 is a tie.
"""

import ilp_models as ilp

events = ilp.load_toronto(start="2019-01-01")
models = {"mean": ilp.MovingAverage(), "ewma": ilp.EWMA(), "lightgbm": ilp.LightGBM()}
backtest = ilp.run_backtest(models, events, ilp.SquareGrid(2000), test_periods=26, refit_every=26)
backtest.plot()
