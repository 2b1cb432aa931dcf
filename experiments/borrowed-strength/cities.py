"""Read the records of the three cities, with the crime types that they share under one name."""

from pathlib import Path

import geopandas
import pandas as pd

import ilp_models as ilp

TYPES = {
    "Toronto": {
        "Assault": "assault",
        "Break and Enter": "burglary",
        "Auto Theft": "vehicle theft",
        "Robbery": "robbery",
        "Theft Over": "theft over",
    },
    "Chicago": {"ASSAULT": "assault", "BATTERY": "assault", "THEFT": "theft", "CRIMINAL DAMAGE": "criminal damage"},
    "Portland": {"BURGLARY": "burglary", "MOTOR VEHICLE THEFT": "vehicle theft", "STREET CRIMES": "street crimes"},
}
CRS = {"Toronto": "EPSG:32617", "Chicago": "EPSG:32616", "Portland": "EPSG:2838"}
PLACE = {
    "Toronto": ("America/Toronto", "CA", "ON"),
    "Chicago": ("America/Chicago", "US", "IL"),
    "Portland": ("America/Los_Angeles", "US", "OR"),
}
SPAN = {
    "Toronto": ("2014-01-01", "2022-01-01"),
    "Chicago": ("2016-01-01", "2018-01-01"),
    "Portland": ("2012-03-01", "2017-03-01"),
}
FILES = {
    "Toronto": "toronto_mci/events_2014_2021.parquet",
    "Chicago": "chicago_sthsl/events.parquet",
    "Portland": "portland_nij/events_2012-03_2017-02.parquet",
}


def read_city(name: str, data: Path) -> ilp.Events:
    """Return the records of a city; types outside the table are dropped."""
    table = pd.read_parquet(data / FILES[name])
    table = table.rename(columns={"time": "occurred_at", "date": "occurred_at", "category": "crime_type"})
    table["crime_type"] = table["crime_type"].astype(str).map(TYPES[name])
    table = table.dropna(subset=["crime_type"])
    at, crs = (("x_ft", "y_ft"), "EPSG:2913") if name == "Portland" else (("lon", "lat"), "EPSG:4326")
    places = geopandas.points_from_xy(table[at[0]], table[at[1]], crs=crs).to_crs(CRS[name])
    time = pd.to_datetime(table["occurred_at"]).astype("datetime64[ns]")
    records = pd.DataFrame(
        {
            "occurred_at": time.to_numpy(),
            "reported_at": time.to_numpy(),
            "crime_type": pd.Categorical(table["crime_type"]),
            "x": places.x,
            "y": places.y,
        }
    )
    zone, country, subdivision = PLACE[name]
    start, end = map(pd.Timestamp, SPAN[name])
    records = records[(records["occurred_at"] >= start) & (records["occurred_at"] < end)]
    records = records.sort_values(["occurred_at", "x", "y", "crime_type"], ignore_index=True)
    return ilp.Events(
        records, CRS[name], zone, start, end, country=country, subdivision=subdivision, city=name, as_of="end"
    )
