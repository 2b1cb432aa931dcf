"""The records of a simulated city: which incidents were recorded, when they were reported, and the account of them."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.simulated.layout import Layout
from ilp_models.data.simulated.plan import CityPlan
from ilp_models.data.simulated.process import draw_incidents
from ilp_models.data.simulated.rates import background_a_day
from ilp_models.domain.events import Events
from ilp_models.domain.intake import IntakeReport

_WARM_UP = 10.0  # mean delays simulated before the start, so that near repeats are in full swing on the first day
_SECONDS = 86_400


def days_since(start: str, times: pd.DatetimeIndex) -> npt.NDArray[np.float64]:
    """Return times as days since the first day of a city."""
    return np.asarray((times - pd.Timestamp(start)) / pd.Timedelta(days=1), dtype=np.float64)


def draw_records(city: CityPlan, layout: Layout) -> pd.DataFrame:
    """Return every incident of a city, recorded or not."""
    kinds = tuple(city.crime_types.values())
    warm_up = int(np.ceil(_WARM_UP * max(kind.mean_days for kind in kinds)))
    days = np.arange(-warm_up, city.weeks * 7, dtype=np.float64)
    when = background_a_day(kinds, days, pd.Timestamp(city.start), city.weekend)
    parts = []
    for k, kind in enumerate(kinds):
        rng = np.random.default_rng([city.seed, 2, k])
        drawn = draw_incidents(rng, kind, layout.lattice, layout.where[k], when[k])
        drawn = drawn.assign(day=drawn["day"] - warm_up, kind=k)
        parts.append(drawn.loc[drawn["day"] >= 0])
    records = pd.concat(parts, ignore_index=True).sort_values("day", kind="stable", ignore_index=True)
    district = layout.lattice.district_at(records["x"].to_numpy(), records["y"].to_numpy())
    rng = np.random.default_rng([city.seed, 3])
    return records.drop(columns="kind").assign(
        crime_type=pd.Categorical.from_codes(
            records["kind"].to_numpy(dtype=np.int64), categories=pd.Index(list(city.crime_types))
        ),
        area=pd.Categorical.from_codes(district, categories=pd.Index(list(layout.lattice.areas))),
        recorded=rng.random(len(records)) < layout.rates[district],
        delay=rng.random(len(records)) * city.reporting_delay_days,
    )


def make_events(city: CityPlan, records: pd.DataFrame) -> Events:
    """Return the recorded incidents as events."""
    known = records.loc[records["recorded"]].reset_index(drop=True)
    start = pd.Timestamp(city.start)
    occurred = start + pd.to_timedelta(np.floor(known["day"] * _SECONDS), unit="s")
    reported = occurred + pd.to_timedelta(np.floor(known["delay"] * _SECONDS), unit="s")
    table = pd.DataFrame(
        {
            "occurred_at": occurred.astype("datetime64[us]"),
            "reported_at": reported.astype("datetime64[us]"),
            "crime_type": known["crime_type"],
            "x": known["x"] + city.west,
            "y": known["y"] + city.south,
            "area": known["area"],
        }
    )
    end = start + pd.Timedelta(weeks=city.weeks)
    settles_after = pd.Timedelta(days=city.reporting_delay_days)
    return Events(table, city.crs, city.time_zone, start, end, settles_after, declared=tuple(city.crime_types))


def make_account(city: CityPlan, events: Events, occurred: int) -> IntakeReport:
    """Return the account of the intake of a simulated city."""
    counts = events.table["crime_type"].value_counts(sort=False)
    return IntakeReport(
        source=f"simulated city, seed {city.seed}",
        files=(),
        rows_read=len(events),
        rows_kept=len(events),
        start=events.start,
        end=events.end,
        time_zone=events.time_zone,
        crs=events.crs,
        crime_types={str(name): int(count) for name, count in counts.items()},
        notes=(
            "Invented incidents of an invented city: no such place, no such people.",
            f"{occurred:,} incidents happened; {occurred - len(events):,} of them were never recorded.",
        ),
        digest=events.digest(),
    )
