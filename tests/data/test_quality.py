import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer

from ilp_models.data.quality import quality_findings
from ilp_models.domain.events import Events
from ilp_models.pipeline.events_reader import load_toronto

RNG = np.random.default_rng(11)


def events(times, types=None, points=None, start="2019-01-01", end="2022-01-01", categories=("Theft", "Arson")):
    count = len(times)
    where = RNG.uniform(0, 5000, (count, 2)) if points is None else np.asarray(points, dtype=float)
    times = pd.Series(times).astype("datetime64[us]")
    table = pd.DataFrame(
        {
            "occurred_at": times,
            "reported_at": times,
            "crime_type": pd.Categorical(types or ["Theft"] * count, categories=categories),
            "x": where[:, 0] + 600_000,
            "y": where[:, 1] + 4_800_000,
        }
    )
    return Events(table, "EPSG:32617", "America/Toronto", pd.Timestamp(start), pd.Timestamp(end))


def even_times(count=30_000, start="2019-01-01", end="2022-01-01"):
    """Return times evenly spread, one every fixed number of minutes: no day, hour or month stands out."""
    return pd.Series(pd.date_range(start, end, periods=count, inclusive="left")).dt.floor("min")


def found(made, resolution="moment"):
    return {
        finding.rule: finding
        for finding in quality_findings(made, resolution)
        if finding.rule != "crime types without events"
    }


def test_even_records_have_no_finding():
    assert found(events(even_times())) == {}


def test_a_type_without_events_is_named():
    (finding,) = quality_findings(events(even_times()), "moment")
    assert (finding.count, finding.share, finding.examples, finding.unit) == (1, 0.5, ("Arson",), "types")


def test_default_hours_and_days_are_found():
    times = even_times()
    times[:500] = times[:500].dt.normalize() + pd.Timedelta(hours=12)
    times[500:1000] = times[500:1000].dt.normalize()
    times[1000:2000] = times[1000:2000].dt.to_period("M").dt.start_time + pd.Timedelta(hours=15)
    rules = found(events(times))
    assert {"hour 0 is overrepresented", "hour 12 is overrepresented", "day 1 of the month is overrepresented"} <= set(
        rules
    )
    assert rules["hour 12 is overrepresented"].count == (times.dt.hour == 12).sum()
    assert rules["day 1 of the month is overrepresented"].count == (times.dt.day == 1).sum()
    assert rules["day 1 of the month is overrepresented"].action == "flagged"


def test_coarse_times_give_no_finding():
    days = even_times().dt.normalize()
    assert found(events(days), "day") == {}
    assert found(events(days.dt.to_period("M").dt.start_time), "month") == {}


def test_overrepresented_points_are_found():
    times = even_times(5000)
    points = RNG.uniform(0, 5000, (len(times), 2))
    points[:100] = (1000, 2000)
    finding = found(events(times, points=points))["single points are overrepresented"]
    assert finding.count == 100
    assert finding.share == pytest.approx(0.02, rel=1e-3)
    lon, lat = Transformer.from_crs("EPSG:32617", 4326, always_xy=True).transform(601000, 4802000)
    assert finding.examples == (f"lon {lon:.4f}, lat {lat:.4f}: 100, most Theft",)


def test_the_overused_point_of_toronto_is_named_in_degrees_with_its_area():
    finding = {one.rule: one for one in load_toronto().intake.findings}["single points are overrepresented"]
    assert finding.examples[0] == "lon -79.5158, lat 43.6121 in Mimico: 915, most Assault"


def test_gaps_are_found_by_type():
    times = even_times()
    types = ["Theft"] * len(times)
    types[::1000] = ["Arson"] * 30
    times = times[(times < "2020-03-01") | (times >= "2020-05-01")]
    made = events(times.reset_index(drop=True), [types[index] for index in times.index])
    finding = found(made)["months without records"]
    assert (finding.count, finding.unit, finding.examples) == (2, "months", ("Theft: 2020-03 to 2020-04",))
    assert finding.share == pytest.approx(2 / 72)


def test_a_level_shift_is_found_once_and_a_season_is_not():
    times = even_times(60_000, "2018-01-01")
    late = times >= "2020-07-01"
    kept = times[~late | (np.arange(len(times)) % 2 == 0)].reset_index(drop=True)
    finding = found(events(kept, start="2018-01-01"))["level shifts"]
    assert finding.count == 1
    assert finding.examples[0].endswith("a month at 2020-07")
    summer = times[times.dt.month.isin([5, 6, 7, 8]) | (np.arange(len(times)) % 3 == 0)].reset_index(drop=True)
    assert "level shifts" not in found(events(summer, start="2018-01-01"))


def test_a_span_without_a_whole_month_has_no_gap():
    assert found(events(even_times(300, "2021-03-05", "2021-03-20"), start="2021-03-05", end="2021-03-20")) == {}
