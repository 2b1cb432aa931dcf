"""Memory of reading a national file, of which one jurisdiction keeps all records or a sixteenth."""

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.cases.intake import area_of
from benchmarks.figure import Figure, Goal
from benchmarks.memory import forget_peak, peak_bytes, resident_bytes
from benchmarks.timing import say
from ilp_models.data.delimited import DelimitedFiles

_FORCES: Final = 16
_TIMES: Final = "%m/%d/%Y %I:%M:%S %p"
_TYPES: Final = ("THEFT", "BATTERY", "CRIMINAL DAMAGE", "ASSAULT", "BURGLARY", "MOTOR VEHICLE THEFT", "ROBBERY")
_COLUMNS: Final = {"occurred_at": "Date", "crime_type": "Type", "lat": "Latitude", "lon": "Longitude", "area": "Area"}
_WARM_UP: Final = 2_000  # rows that are read first, so that imports do not count


def measure(*, quick: bool) -> list[Figure]:
    """Return the growth of memory for each format, with all rows and with those of one force."""
    rows = 20_000 if quick else 2_000_000
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        say(f"writing {rows:,} records")
        table = national_table(rows)
        small, text, parquet = (Path(folder) / name for name in ("small.csv", "nation.csv", "nation.parquet"))
        table.head(_WARM_UP).to_csv(small, index=False)
        table.to_csv(text, index=False)
        table.to_parquet(parquet, row_group_size=1 << 17)
        del table
        size = text.stat().st_size
        for path in (text, parquet):
            for force, expected in (("", rows), ("Force 03", rows / _FORCES)):
                say(f"reading {force or 'all'} of {path.name}")
                with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                    growth, events = pool.submit(read, str(path), str(small), force).result()
                if not 0.8 * expected <= events <= 1.2 * expected:
                    msg = f"the intake kept {events:,} of {rows:,} records; about {expected:,.0f} match"
                    raise RuntimeError(msg)
                figures.append(figure(path.suffix[1:], force, growth, size, rows))
    return figures


def figure(kind: str, force: str, growth: int, size: int, rows: int) -> Figure:
    """Return the row of one reading."""
    kept = "1/16 of the records" if force else "all records"
    return Figure(
        name=f"memory to read {kept} of a {kind} file",
        figure=growth / 1e6,
        unit="MB",
        goal=Goal(high=1.0 if force else 4.0, of="ratio"),
        reference=size / 1e6,
        against="bytes of the records as CSV",
        note=f"{rows:,} rows; {growth / rows:,.0f} bytes a row; peak of a fresh process, minus what it held before",
    )


def read(path: str, small: str, force: str) -> tuple[int, int]:
    """Return by how much memory grew at most while a file was read, and the number of events."""
    source(small, "").read()
    before = resident_bytes()
    forget_peak()
    events = source(path, force).read()
    return peak_bytes() - before, len(events)


def source(path: str, force: str) -> DelimitedFiles:
    """Return the declaration of a file, of all forces or of one."""
    filters = {"Force": [force]} if force else None
    return DelimitedFiles(path, _COLUMNS, "America/Chicago", time_formats=(_TIMES,), filters=filters)


def national_table(rows: int) -> pd.DataFrame:
    """Return generated records of sixteen forces, with a column that is not read."""
    rng = np.random.default_rng(0)
    when = pd.Timestamp("2015-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 5 * 365 * 24 * 60, rows)), unit="min")
    lat, lon = (np.round(rng.uniform(low, low + 0.35, rows), 9) for low in (41.65, -87.9))
    return pd.DataFrame(
        {
            "ID": 10_000_000 + np.arange(rows),
            "Date": when.strftime(_TIMES),
            "Block": "001XX W MADISON ST",
            "Type": rng.choice(_TYPES, rows),
            "Description": "OVER $500",
            "Latitude": lat,
            "Longitude": lon,
            "Area": pd.Series(area_of(lat, lon)).map("District {}".format),
            "Force": pd.Series(rng.integers(0, _FORCES, rows)).map("Force {:02d}".format),
        }
    )
