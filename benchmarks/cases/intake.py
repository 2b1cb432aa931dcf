"""Intake of a million records as Chicago's portal publishes them."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.city import configured
from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn, say

_NEEDED = ("ID", "Date", "Primary Type", "Latitude", "Longitude", "Community Area")
_TIMES = "%m/%d/%Y %I:%M:%S %p"
_TYPES = ("THEFT", "BATTERY", "CRIMINAL DAMAGE", "ASSAULT", "BURGLARY", "MOTOR VEHICLE THEFT", "ROBBERY", "HOMICIDE")


def measure(*, quick: bool) -> list[Figure]:
    """Return the time to read and check a file, and that of pandas parsing the same columns."""
    rows, rounds = (5_000, 1) if quick else (1_000_000, 3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crimes.csv"
        say(f"writing {rows:,} records")
        portal_table(rows).to_csv(path, index=False)
        source = configured("data=chicago", f"data.path={path}", "model=[ewma]")["data"]
        events = source.read()
        report = events.intake
        if report.rows_read != rows or len(events) != rows:
            msg = f"the intake kept {len(events):,} of {rows:,} sound records: {report.to_text()}"
            raise RuntimeError(msg)
        seconds = in_turn(rounds, intake=source.read, pandas=lambda: parse(path))
        size = path.stat().st_size
    return [
        Figure(
            name="intake of a million records",
            figure=seconds["intake"],
            unit="s",
            goal=Goal(high=15),
            reference=seconds["pandas"],
            against="pandas: read_csv of the six needed columns, and to_datetime with its format",
            n=rounds,
            note=f"{rows:,} rows of 22 columns, {size / 1e6:.0f} MB; every rule of the intake report checked",
        )
    ]


def parse(path: Path) -> pd.DataFrame:
    """Return the parsed columns, without checks and projection."""
    table = pd.read_csv(path, usecols=list(_NEEDED))
    return table.assign(Date=pd.to_datetime(table["Date"], format=_TIMES))


def area_of(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """Return one of 64 areas by place: intake refuses areas that do not follow position."""
    rows, columns = (np.digitize(part, np.linspace(part.min(), part.max(), 9)[1:-1]) for part in (lat, lon))
    return 1 + 8 * rows + columns


def portal_table(rows: int) -> pd.DataFrame:
    """Return generated records in the 22 columns of the portal."""
    rng = np.random.default_rng(0)
    when = pd.Timestamp("2015-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 5 * 365 * 24 * 60, rows)), unit="min")
    lat, lon = (np.round(rng.uniform(low, low + 0.35, rows), 9) for low in (41.65, -87.9))
    small = {name: rng.integers(1, most, rows) for name, most in (("Ward", 50), ("Beat", 2535))}
    return pd.DataFrame(
        {
            "ID": 10_000_000 + np.arange(rows),
            "Case Number": [f"HY{number:06d}" for number in range(rows)],
            "Date": when.strftime(_TIMES),
            "Block": [f"{number:03d}XX W MADISON ST" for number in rng.integers(1, 999, rows)],
            "IUCR": rng.integers(100, 2000, rows),
            "Primary Type": rng.choice(_TYPES, rows),
            "Description": "OVER $500",
            "Location Description": rng.choice(["STREET", "RESIDENCE", "APARTMENT"], rows),
            "Arrest": rng.choice(["true", "false"], rows),
            "Domestic": "false",
            "Beat": small["Beat"],
            "District": small["Beat"] // 100,
            "Ward": small["Ward"],
            "Community Area": area_of(lat, lon),
            "FBI Code": "06",
            "X Coordinate": rng.integers(1_100_000, 1_200_000, rows),
            "Y Coordinate": rng.integers(1_800_000, 1_950_000, rows),
            "Year": when.year,
            "Updated On": "02/10/2018 03:50:01 PM",
            "Latitude": lat,
            "Longitude": lon,
            "Location": [f"({a}, {b})" for a, b in zip(lat, lon, strict=True)],
        }
    )
