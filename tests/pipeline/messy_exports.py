"""Exports of incident records as agencies of several countries write them, from one simulated city."""

import json
from functools import cache

import numpy as np
import pandas as pd
from pyproj import Transformer

from ilp_models.data.simulated.city import SimulatedCity
from tests.data.sheets import write_xlsx


@cache
def _events():
    return SimulatedCity(seed=3, size_km=3, districts=3, weeks=60, population=3000).read()


def records(lat, lon):
    """Return time, offence, degrees and beat of the city, moved to a place."""
    table, degrees = _events().table, 111_200.0
    x, y = (table[name].to_numpy() - table[name].mean() for name in ("x", "y"))
    return pd.DataFrame(
        {
            "when": table["occurred_at"].dt.floor("min"),
            "what": table["crime_type"].astype(str),
            "lat": (lat + y / degrees).round(6),
            "lon": (lon + x / degrees / np.cos(np.radians(lat))).round(6),
            "beat": table["area"].astype(str),
        }
    )


def excel_with_the_day_first(folder):
    """Dates as text, day first, below a title; a second sheet of notes; Leeds."""
    found = records(53.80, -1.55)
    rows = [
        ["Crime export"],
        [],
        ["Offence", "Date of offence", "Latitude", "Longitude", "Ward", "Offender surname"],
        *(
            [one.what, one.when.strftime("%d/%m/%Y %H:%M"), one.lat, one.lon, one.beat, "Smith"]
            for one in found.itertuples()
        ),
    ]
    write_xlsx(folder / "export.xlsx", Crimes=rows, Notes=[["made by hand"]])
    return ["path=export.xlsx", "data.sheet=Crimes"]


def semicolons_and_decimal_commas(folder):
    """A German export in Latin-1."""
    found = records(52.52, 13.40)
    table = pd.DataFrame(
        {
            "Tatzeit": found["when"].dt.strftime("%d.%m.%Y %H:%M"),
            "Delikt": found["what"],
            "Breite": found["lat"].astype(str).str.replace(".", ",", regex=False),
            "Länge": found["lon"].astype(str).str.replace(".", ",", regex=False),
            "Stadtteil": "Bezirk für " + found["beat"],
            "Geburtsdatum Opfer": "01.01.1980",
        }
    )
    table.to_csv(folder / "export.csv", sep=";", index=False, encoding="latin-1")
    return ["path=export.csv"]


def socrata(folder):
    """A portal of the United States: 12-hour clock, case numbers, personal data; Chicago."""
    found = records(41.88, -87.63)
    table = pd.DataFrame(
        {
            "Case Number": [f"HZ{number:06}" for number in range(len(found))],
            "Date Occurred": found["when"].dt.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Date Reported": (found["when"] + pd.Timedelta(days=1)).dt.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Primary Type": found["what"].str.upper(),
            "Description": "SIMPLE",
            "Location Description": "STREET",
            "Beat": found["beat"],
            "Victim Age": 40,
            "Victim Race": "X",
            "Latitude": found["lat"],
            "Longitude": found["lon"],
        }
    )
    table.to_csv(folder / "export.csv", index=False)
    return ["path=export.csv"]


def uk_police_months(folder):
    """Street-level crime of data.police.uk: one file a month, months only; Leeds."""
    found = records(53.80, -1.55)
    found["Month"] = found["when"].dt.strftime("%Y-%m")
    for month, rows in found.groupby("Month"):
        table = pd.DataFrame(
            {
                "Crime ID": [f"{month}{number:060}" for number in range(len(rows))],
                "Month": month,
                "Reported by": "West Yorkshire Police",
                "Longitude": rows["lon"],
                "Latitude": rows["lat"],
                "Location": "On or near Street",
                "LSOA code": "E0" + rows["beat"],
                "Crime type": rows["what"],
                "Last outcome category": "Under investigation",
                "Context": "",
            }
        )
        (folder / "street" / month).mkdir(parents=True)
        table.to_csv(folder / "street" / month / f"{month}-west-yorkshire-street.csv", index=False)
    return ["path=street"]


def arcgis(folder):
    """Points of ArcGIS in GeoJSON, with milliseconds since 1970 in UTC; Toronto."""
    found = records(43.65, -79.38)
    utc = (
        found["when"]
        .dt.tz_localize("America/Toronto", ambiguous=True, nonexistent="shift_forward")
        .dt.tz_convert("UTC")
    )
    features = [
        {
            "type": "Feature",
            "properties": {"OBJECTID": number, "OCC_DATE": stamp, "OFFENCE": one.what, "DIVISION": one.beat},
            "geometry": {"type": "Point", "coordinates": [one.lon, one.lat]},
        }
        for number, (one, stamp) in enumerate(
            zip(found.itertuples(), (utc.astype("int64") // 1000).tolist(), strict=True)
        )
    ]
    (folder / "export.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return ["path=export.geojson"]


def tabs_with_date_and_time(folder):
    """Tabs, and the time of day in a column of its own; Winnipeg."""
    found = records(49.90, -97.14)
    table = pd.DataFrame(
        {
            "Incident Date": found["when"].dt.strftime("%Y-%m-%d"),
            "Incident Time": found["when"].dt.strftime("%H%M"),
            "Incident Type": found["what"],
            "District": found["beat"],
            "X_Long": found["lon"],
            "Y_Lat": found["lat"],
        }
    )
    table.to_csv(folder / "export.tsv", sep="\t", index=False)
    return ["path=export.tsv"]


def survey_feet(folder):
    """State Plane coordinates in US survey feet; Miami. Many zones fit, so the user names a place."""
    found = records(25.78, -80.20)
    x, y = Transformer.from_crs(4326, 2236, always_xy=True).transform(found["lon"], found["lat"])
    table = pd.DataFrame(
        {
            "offense": found["what"],
            "occurred_on": found["when"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
            "updated_on": "2020-06-01T00:00:00",
            "x_coordinate": np.round(x, 1),
            "y_coordinate": np.round(y, 1),
            "zone": found["beat"],
        }
    )
    table.to_csv(folder / "export.csv", index=False)
    return ["path=export.csv", "near=[25.8, -80.2]"]


EXPORTS = (
    excel_with_the_day_first,
    semicolons_and_decimal_commas,
    socrata,
    uk_police_months,
    arcgis,
    tabs_with_date_and_time,
    survey_feet,
)
