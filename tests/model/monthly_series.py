"""Monthly series without events behind them."""

import pandas as pd


def months(values, name="robbery"):
    return pd.Series(values, index=pd.period_range("2015-01", periods=len(values), freq="M"), name=name)


def expected(method, values, horizon):
    return method.forecast_series(months(values), horizon)["expected"].to_numpy()
