"""Events of a small city by month or day, with areas, for tests of long horizons."""

import numpy as np
import pandas as pd

from ilp_models.domain.events import Events


def city_events(months=60, rates=None, start="2015-01", seed=0, delay="0D", areas=True):
    """Return events of two crime types in two areas; ``rates`` (area, type, month) or 20, 10, 8 and 4 a month."""
    rng = np.random.default_rng(seed)
    span = pd.period_range(start, periods=months, freq="M")
    if rates is None:
        rates = np.array([[20.0, 10.0], [8.0, 4.0]])[:, :, None] * np.ones(months)
    counts = rng.poisson(rates)
    rows = []
    for (area, kind, month), count in np.ndenumerate(counts):
        seconds = np.sort(rng.integers(0, span[month].days_in_month * 86_400, count))
        times = span[month].start_time + pd.to_timedelta(seconds, unit="s")
        rows.append(pd.DataFrame({"occurred_at": times, "crime_type": "AB"[kind], "area": f"district {area + 1}"}))
    table = pd.concat(rows, ignore_index=True).sort_values("occurred_at", ignore_index=True)
    table["reported_at"] = table["occurred_at"] + pd.Timedelta(delay)
    table = table.assign(x=630_000.0, y=4_834_000.0).astype({"crime_type": "category", "area": "category"})
    if not areas:
        table = table.drop(columns="area")
    end = (span[-1] + 1).start_time
    return Events(
        table, "EPSG:32617", "America/Toronto", span[0].start_time, end, pd.Timedelta(delay), city="Testville"
    )
