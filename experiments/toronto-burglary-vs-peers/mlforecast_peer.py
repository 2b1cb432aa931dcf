"""Forecast weekly counts with mlforecast itself; needs mlforecast 1.1.0, lightgbm and pyarrow in a place of their own.

python mlforecast_peer.py counts.parquet forecasts.parquet 26

counts.parquet has the columns unique_id, ds (first day of a week) and y. The last weeks are forecast one week ahead,
each from all weeks before it, refitted every four weeks. The published row names 8 lags, 4 rolling means and the
week, but not the spans of the means: these are ours.
"""

import sys

import lightgbm as lgb
import mlforecast
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean

VERSION = "1.1.0"
WINDOWS = (4, 13, 26, 52)


def main(source: str, target: str, weeks: int) -> None:
    """Write unique_id, ds and expected of the last weeks."""
    counts = pd.read_parquet(source)
    model = lgb.LGBMRegressor(objective="poisson", n_estimators=100, num_leaves=31, n_jobs=1, verbosity=-1)
    forecaster = MLForecast(
        models={"expected": model},
        freq="W-MON",
        lags=list(range(1, 9)),
        lag_transforms={1: [RollingMean(window) for window in WINDOWS]},
        date_features=["week"],
    )
    told = forecaster.cross_validation(counts, n_windows=weeks, h=1, step_size=1, refit=4, static_features=[])
    told[["unique_id", "ds", "expected"]].to_parquet(target, index=False)


if __name__ == "__main__":
    if mlforecast.__version__ != VERSION:
        sys.exit(f"The tables name mlforecast {VERSION}, and {mlforecast.__version__} is installed.")
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
