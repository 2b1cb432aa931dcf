"""Names of places and recorded crimes by day and hour: what the pages of a plan need of the records of its run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from ilp_models.domain.events import UNTIL
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.parquet_file import open_parquet
from ilp_models.pipeline.forecasting import NextForecast
from ilp_models.stats.aoristic import week_weights

NAMES: Final = "place_names.parquet"
HOURS: Final = "hours.parquet"
_YEAR: Final = pd.Timedelta(days=364)  # whole weeks, so that each weekday counts equally
_LEAST: Final = 30  # recorded crimes; fewer show no pattern
_CHANCE: Final = 0.05
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BLOCKS: Final = ("midnight to 6:00", "6:00 to noon", "noon to 18:00", "18:00 to midnight")
_NO_HOUR: Final = -1


def write_day_patterns(forecast: NextForecast, folder: Path) -> list[Path]:
    """Write the name of the place of each cell, and its recorded crimes of a year by weekday and hour."""
    cells, study, history = forecast.grid.cells.astype(str), forecast.study, forecast.forecaster.history_
    known = study.events.known_at(history.calendar.earlier(history.cutoff, history.record_lag))
    names = pd.DataFrame({"cell": cells, "place": forecast.place_names.astype(str)})
    moments = known.table["occurred_at"]
    year = (moments >= known.end - _YEAR).to_numpy() & (study.resolution != "month")
    cell = forecast.grid.locate(known)
    inside = year & (cell >= 0)
    own = cells[cell[inside]]
    if study.resolution == "moment":
        counts = hours_of_spans(own, known.table[inside])
    else:
        days = pd.DataFrame({"cell": own, "weekday": moments.dt.day_of_week[inside], "hour": _NO_HOUR})
        counts = days.groupby(["cell", "weekday", "hour"]).size().reset_index(name="events").astype({"events": "int32"})
    files = [folder / NAMES, folder / HOURS]
    for rows, file in zip((names, counts), files, strict=True):
        rows.to_parquet(file, compression="zstd", index=False)
    return files


def hours_of_spans(cells: pd.Index, table: pd.DataFrame) -> pd.DataFrame:
    """Return crimes by cell, weekday and hour; one in a span of time is shared between its hours (aoristic weights)."""
    start = table["occurred_at"].to_numpy(dtype="datetime64[m]")
    spans = UNTIL in table
    until = table[UNTIL].to_numpy(dtype="datetime64[m]") if spans else np.full(len(start), np.datetime64("NaT", "m"))
    weights = week_weights(start, until).tocoo()
    rows = {"cell": cells[weights.row], "weekday": weights.col // 24, "hour": weights.col % 24, "events": weights.data}
    counts = pd.DataFrame(rows).groupby(["cell", "weekday", "hour"])["events"].sum().reset_index()
    return counts.astype({"events": "float32" if spans else "int32", "weekday": "int32", "hour": "int32"})


@dataclass(frozen=True, eq=False)
class DayPatterns:
    """Names of places, and when crimes were recorded there; empty for the run of an earlier version."""

    names: pd.Series  # place by cell
    hours: pd.DataFrame  # cell, weekday, hour, events

    @classmethod
    def from_folder(cls, folder: Path) -> "DayPatterns":
        """Read the patterns of the archive of a run."""
        if not all((folder / name).is_file() for name in (NAMES, HOURS)):
            return cls(pd.Series(dtype=object), pd.DataFrame(columns=["cell", "weekday", "hour", "events"]))
        names, hours = (_read(folder, name) for name in (NAMES, HOURS))
        return cls(names.set_index("cell")["place"], hours)

    def places(self, cells: pd.Index, areas: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
        """Return the place of each cell: its stored name, else its area with the code."""
        fallback = [f"{area} ({cell})" for cell, area in zip(cells.astype(str), areas, strict=True)]
        known = zip(cells.astype(str), fallback, strict=True)
        return np.array([self.names.get(cell, text) for cell, text in known], dtype=object)

    def sentence(self, cells: list[str], area: str, area_cells: list[str]) -> str:
        """Return when crimes were recorded in some cells, or else in their area, as a sentence."""
        own, around = (self.hours[self.hours["cell"].isin(some)] for some in (cells, area_cells))
        if own["events"].sum() >= _LEAST:
            return _pattern(own, "here")
        if around["events"].sum() >= _LEAST:
            return f"Too few records here for a pattern. {_pattern(around, f'in {area}')}"
        return "Too few records for a pattern of days and hours."


def _read(folder: Path, name: str) -> pd.DataFrame:
    with open_parquet(file_in_folder(folder, name)) as parquet:
        return pd.DataFrame(parquet.read().to_pandas())


def _pattern(rows: pd.DataFrame, where: str) -> str:
    """Return the days and the part of the day with most records, if chance alone does not explain them."""
    total = round(rows["events"].sum())
    days = rows.groupby("weekday")["events"].sum().reindex(range(7), fill_value=0)
    parts = [f"Of {total:,} crimes recorded {where} in the past year, "]
    if _uneven(days):
        first = sorted(days.sort_values(ascending=False, kind="stable").index[:2])
        share = days[first].sum() / days.sum()
        parts.append(f"{share:.0%} were on {_DAYS[first[0]]} and {_DAYS[first[1]]}")
    else:
        parts.append("no day stands out")
    known = rows[rows["hour"] >= 0]
    if len(known):
        blocks = known.groupby(known["hour"] // 6)["events"].sum().reindex(range(4), fill_value=0)
        top = int(np.argmax(blocks.to_numpy()))
        found = f"; {blocks.iloc[top] / blocks.sum():.0%} from {_BLOCKS[top]}"
        parts.append(found if _uneven(blocks) else "; no part of the day does")
    return "".join(parts) + "."


def _uneven(counts: pd.Series) -> bool:
    return bool(stats.chisquare(counts.to_numpy()).pvalue < _CHANCE)
