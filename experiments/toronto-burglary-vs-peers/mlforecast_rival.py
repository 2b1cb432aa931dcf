"""Enter a comparison with mlforecast: read a rival's kit, write the file of answers.

python mlforecast_rival.py KIT ANSWER

KIT is a folder that `ilp backtest ... kit=KIT` wrote, with weeks and lead 1. ANSWER ends in .parquet or .csv. Each
cutoff is forecast by a model that was fitted on the events known then: LightGBM with a Poisson loss on 8 lags and 2
moving means of each cell and crime type. It needs mlforecast, lightgbm, pandas and pyarrow.
"""

import sys
from pathlib import Path

import lightgbm as lgb
import pandas as pd
from mlforecast import MLForecast
from mlforecast.lag_transforms import RollingMean

KEYS = ["crime_type", "cell"]


def main(kit: Path, answer: Path) -> None:
    """Forecast every cutoff of the kit and write the answer."""
    template = pd.read_parquet(kit / "template.parquet").drop(columns="expected")
    units = template[KEYS].drop_duplicates(ignore_index=True)
    periods = pd.read_csv(kit / "periods.csv", encoding="utf-8-sig", parse_dates=["cutoff", "period", "last_complete"])
    if periods["lead"].max() > 1:
        sys.exit("This example forecasts lead 1 only. Make the kit with backtest.horizon=1.")
    parts = []
    for row in periods.itertuples():
        counts = weekly_counts(kit, f"{row.cutoff:%Y-%m-%d}", row.last_complete, units)
        ahead = (row.period - row.last_complete).days // 7  # more than 1 if records arrive late
        expected = forecast(counts, ahead)
        parts.append(expected.assign(cutoff=row.cutoff, period=row.period, lead=1))
    table = template.merge(pd.concat(parts), on=["cutoff", "period", "lead", *KEYS], validate="one_to_one")
    table.to_parquet(answer, index=False) if answer.suffix == ".parquet" else table.to_csv(answer, index=False)


def weekly_counts(kit: Path, cutoff: str, last: pd.Timestamp, units: pd.DataFrame) -> pd.DataFrame:
    """Return the complete weekly counts that were known at a cutoff: unique_id, ds and y, zeros included."""
    files = [file for file in sorted(kit.glob("events-*.parquet")) if file.stem <= f"events-{cutoff}"]
    events = pd.concat([pd.read_parquet(file, columns=["period", *KEYS]) for file in files])
    known = events.astype({"crime_type": str, "cell": str}).groupby([*KEYS, "period"]).size()
    weeks = pd.DataFrame({"period": pd.date_range(events["period"].min() + pd.Timedelta(7, "D"), last, freq="7D")})
    every = units.merge(weeks, how="cross")
    counts = known.reindex(pd.MultiIndex.from_frame(every), fill_value=0).to_numpy(dtype=float)
    number = pd.factorize(pd.MultiIndex.from_frame(every[KEYS]))[0]
    return every.assign(unique_id=number, ds=every["period"], y=counts)[["unique_id", "ds", "y", *KEYS]]


def forecast(counts: pd.DataFrame, ahead: int) -> pd.DataFrame:
    """Return the expected count of each crime type and cell some weeks after the last one."""
    model = lgb.LGBMRegressor(objective="poisson", n_estimators=50, num_leaves=15, n_jobs=1, verbosity=-1)
    forecaster = MLForecast(
        models={"expected": model},
        freq="7D",
        lags=list(range(1, 9)),
        lag_transforms={1: [RollingMean(13), RollingMean(52)]},
    )
    forecaster.fit(counts[["unique_id", "ds", "y"]], static_features=[])
    told = forecaster.predict(ahead).groupby("unique_id").tail(1)
    names = counts[["unique_id", *KEYS]].drop_duplicates()
    return told.merge(names, on="unique_id").assign(expected=lambda table: table["expected"].clip(lower=0.0))[
        [*KEYS, "expected"]
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
