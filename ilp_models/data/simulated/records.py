"""Draw the incidents of a simulated city, and which of them are recorded and reported when.

Incidents are a self-exciting point process, drawn as a tree of generations (Hawkes and Oakes, 1974, Journal of Applied
Probability 11, 493-503). Near repeats are exponential in time and Gaussian in space, reflected at the edge of the city.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.simulated.layout import CityMap, Layout
from ilp_models.data.simulated.plan import CityPlan
from ilp_models.data.simulated.rates import SimulatedType, background_per_day
from ilp_models.domain.events import Events
from ilp_models.domain.intake import IntakeReport
from ilp_models.domain.timing import SIMULATED

Floats = npt.NDArray[np.float64]

_WARM_UP = 10.0  # mean delays simulated before the start, so that near repeats are stationary on the first day
_SECONDS = 86_400


def days_since(start: str, times: pd.DatetimeIndex) -> npt.NDArray[np.float64]:
    """Return times as days since the first day of a city."""
    return np.asarray((times - pd.Timestamp(start)) / pd.Timedelta(days=1), dtype=np.float64)


def draw_records(city: CityPlan, layout: Layout) -> pd.DataFrame:
    """Return every incident of a city, with its report delay and whether it is recorded."""
    kinds = tuple(city.crime_types.values())
    warm_up = int(np.ceil(_WARM_UP * max(kind.mean_days for kind in kinds)))
    parts = []
    for k, daily in enumerate(_daily(city, -warm_up, city.weeks * 7)):
        rng = np.random.default_rng([city.seed, 2, k])
        drawn = draw_incidents(rng, kinds[k], layout.lattice, layout.risk[k], daily)
        drawn = drawn.assign(day=drawn["day"] - warm_up, kind=k)
        parts.append(drawn.loc[drawn["day"] >= 0])
    return _with_reports(city, layout, parts, np.random.default_rng([city.seed, 3]))


def continue_records(
    city: CityPlan, layout: Layout, records: pd.DataFrame, weeks: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the incidents after those of a city, up to a later week; earlier ones go on to trigger near repeats."""
    first, parts = city.weeks * 7, []
    for k, daily in enumerate(_daily(city, first, weeks * 7)):
        kind = list(city.crime_types.values())[k]
        own = records.loc[records["crime_type"].cat.codes == k, ["day", "x", "y"]].to_numpy()
        own[:, 0] -= first
        late = _near_repeats(rng, kind, layout.lattice.extent, own)
        drawn = draw_incidents(rng, kind, layout.lattice, layout.risk[k], daily, late[late[:, 0] >= 0])
        parts.append(drawn.assign(day=drawn["day"] + first, kind=k))
    return _with_reports(city, layout, parts, rng)


def _daily(city: CityPlan, first: int, end: int) -> Floats:
    """Return the expected background of each day, shape (types, days)."""
    days = np.arange(first, end, dtype=np.float64)
    return background_per_day(tuple(city.crime_types.values()), days, pd.Timestamp(city.start), city.weekend)


def _with_reports(city: CityPlan, layout: Layout, parts: list[pd.DataFrame], rng: np.random.Generator) -> pd.DataFrame:
    """Return the incidents of all types in the order of time, with report delay and whether they are recorded."""
    records = pd.concat(parts, ignore_index=True).sort_values("day", kind="stable", ignore_index=True)
    district = layout.lattice.district_at(records["x"].to_numpy(), records["y"].to_numpy())
    return records.drop(columns="kind").assign(
        crime_type=pd.Categorical.from_codes(
            records["kind"].to_numpy(dtype=np.int64), categories=pd.Index(list(city.crime_types))
        ),
        area=pd.Categorical.from_codes(district, categories=pd.Index(list(layout.lattice.areas))),
        recorded=rng.random(len(records)) < layout.rates[district],
        delay=rng.random(len(records)) * city.reporting_delay_days,
    )


def build_events(city: CityPlan, records: pd.DataFrame) -> Events:
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
    return Events(table, city.crs, city.time_zone, start, end, settles_after, declared_types=tuple(city.crime_types))


def build_report(city: CityPlan, events: Events, occurred: int) -> IntakeReport:
    """Return the intake report of a simulated city, with the number of unrecorded incidents."""
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
            "Simulated incidents of a simulated city: the place and its residents do not exist.",
            f"{occurred:,} incidents occurred; {occurred - len(events):,} of them were never recorded.",
        ),
        attribution=SIMULATED,
        digest=events.digest(),
    )


def draw_incidents(
    rng: np.random.Generator,
    kind: SimulatedType,
    lattice: CityMap,
    risk: Floats,
    daily: Floats,
    late: Floats | None = None,
) -> pd.DataFrame:
    """Return all incidents of one crime type, recorded or not; ``late`` are near repeats of those before them."""
    generation = _background(rng, lattice, risk, daily)
    if late is not None:
        generation = np.concatenate([generation, late[late[:, 0] < len(daily)]])
    generations = [generation]
    while len(generation):
        generation = _near_repeats(rng, kind, lattice.extent, generation)
        generation = generation[generation[:, 0] < len(daily)]
        generations.append(generation)
    incidents = np.concatenate(generations)
    return pd.DataFrame(incidents[np.argsort(incidents[:, 0], kind="stable")], columns=["day", "x", "y"])


def _background(rng: np.random.Generator, lattice: CityMap, risk: Floats, daily: Floats) -> Floats:
    day = np.repeat(np.arange(len(daily)), rng.poisson(daily))
    total = np.cumsum(risk.ravel())
    square = np.searchsorted(total / total[-1], rng.random(len(day)), side="right")
    row, column = np.divmod(square, lattice.squares)
    inside = rng.random((len(day), 3))
    return np.column_stack(
        [day + inside[:, 0], (column + inside[:, 1]) * lattice.side, (row + inside[:, 2]) * lattice.side]
    )


def _near_repeats(rng: np.random.Generator, kind: SimulatedType, extent: float, parents: Floats) -> Floats:
    repeats = np.repeat(parents, rng.poisson(kind.offspring, len(parents)), axis=0)
    later = rng.exponential(kind.mean_days, len(repeats))
    away = rng.normal(0.0, kind.metres, (len(repeats), 2))
    return np.column_stack([repeats[:, 0] + later, reflected(repeats[:, 1:] + away, extent)])


def reflected(positions: Floats, extent: float) -> Floats:
    """Return positions reflected into the city at its edges."""
    round_trip = np.mod(positions, 2 * extent)
    return np.minimum(round_trip, 2 * extent - round_trip)
