"""Read the records of the cities, with the crime types that they share under one name."""

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
    "Memphis": {"personal robbery": "robbery"},
}
CRS = {"Toronto": "EPSG:32617", "Chicago": "EPSG:32616", "Portland": "EPSG:2838", "Memphis": "EPSG:32615"}
PLACE = {
    "Toronto": ("America/Toronto", "CA", "ON"),
    "Chicago": ("America/Chicago", "US", "IL"),
    "Portland": ("America/Los_Angeles", "US", "OR"),
    "Memphis": ("America/Chicago", "US", "TN"),
}
SPAN = {
    "Toronto": ("2014-01-01", "2022-01-01"),
    "Chicago": ("2016-01-01", "2018-01-01"),
    "Portland": ("2012-03-01", "2017-03-01"),
    "Memphis": ("2019-01-01", "2020-01-01"),
}
PLACE_COLUMNS = {  # and their CRS
    "Toronto": ("lon", "lat", "EPSG:4326"),
    "Chicago": ("lon", "lat", "EPSG:4326"),
    "Portland": ("x_ft", "y_ft", "EPSG:2913"),
    "Memphis": ("x_m", "y_m", "EPSG:32615"),
}
FILES = {
    "Toronto": "toronto_mci/events_2014_2021.parquet",
    "Chicago": "chicago_sthsl/events.parquet",
    "Portland": "portland_nij/events_2012-03_2017-02.parquet",
}
ROBBERIES = "hot_spot_memphis/robberies_2019.csv"  # a city for the fresh weeks alone


def read_city(name: str, data: Path) -> ilp.Events:
    """Return the records of a city; types outside the table are dropped."""
    table = pd.read_parquet(data / FILES[name]) if name in FILES else read_robberies(data)
    table = table.rename(columns={"time": "occurred_at", "date": "occurred_at", "category": "crime_type"})
    table["crime_type"] = table["crime_type"].astype(str).map(TYPES[name])
    table = table.dropna(subset=["crime_type"])
    east, north, crs = PLACE_COLUMNS[name]
    places = geopandas.points_from_xy(table[east], table[north], crs=crs).to_crs(CRS[name])
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


def read_robberies(data: Path) -> pd.DataFrame:
    """Return the personal robberies of Memphis."""
    return pd.read_csv(data / ROBBERIES, parse_dates=["time"]).assign(category="personal robbery")
