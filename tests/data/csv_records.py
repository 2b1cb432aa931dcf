"""Text as a publisher might export it."""

import pandas as pd

HEADER = "when,what,lat,lon,beat"
COLUMNS = {"occurred_at": "when", "crime_type": "what", "lat": "lat", "lon": "lon", "area": "beat"}


def rows(count, first="2021-01-04T10:30", what="Theft"):
    """Return records an hour apart on a small lattice in Toronto, in three beats from south to north."""
    times = pd.date_range(first, periods=count, freq="h").strftime("%Y-%m-%d %H:%M")
    return [
        f"{time},{what},{43.65 + i % 7 / 100:.2f},{-79.40 + i % 5 / 100:.2f},B{i % 7 // 3}"
        for i, time in enumerate(times)
    ]


def text(lines, header=HEADER):
    return "\n".join([header, *lines]) + "\n"


def record(label, number=0, detail=""):
    return f"2021-01-{4 + number // 24:02} {number % 24:02}:30,{label},43.{6500 + number},-79.40,B{number % 3},{detail}"
