import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.description import DescribedPart
from ilp_models.report.change_view import change_sentences, change_view

FACTS = {
    "period_unit": "week",
    "confidence": 0.95,
    "period": "3 to 9 January 2022",
    "areas": 2,
    "levels": 1,
    "false_discovery_rate": 0.05,
    "tests": 4,
}


def row(kind, verdict, area="", count=30, earlier=20, q=0.01, comparison="previous period"):
    share = count / earlier - 1 if earlier else np.inf
    numbers = {"count": count, "earlier": earlier, "change_share": share, "low": count - earlier - 5.0, "high": 25.0}
    level = "area" if area else ""
    return {
        "level": level, "area": area, "crime_type": kind, "comparison": comparison, "verdict": verdict, "q": q,
    } | numbers  # fmt: skip


def part(*rows, **facts):
    table = pd.DataFrame(rows)
    series = table[["level", "area", "crime_type"]].drop_duplicates() if len(table) else table
    periods = pd.concat([series.assign(period=one, count=count) for one, count in (("1", 0), ("2", 4))])
    return DescribedPart("change", {"change": table, "periods": periods}, FACTS | facts)


def texts(*rows, **facts):
    return [one.replace("\N{NO-BREAK SPACE}", " ") for one in change_sentences(part(*rows, **facts))]


def test_clear_changes_of_the_city_come_first_by_their_certainty():
    found = texts(row("theft", "more", q=0.02), row("arson", "fewer", count=5, q=0.01), row("fraud", ""))
    assert found[0].startswith("Arson: 5 recorded in the last week, fewer than in the week before (20). Change -75 %;")
    assert found[1].startswith("Theft: 30 recorded in the last week, more than in the week before (20). Change +50 %;")
    assert found[2] == "No area has a clear change."


def test_nothing_clear_and_nothing_comparable_are_said():
    assert texts(row("theft", ""), areas=0) == [
        "No clear change in the whole study area, 3 to 9 January 2022: all differences may be chance."
    ]
    assert texts() == ["No comparison: the records do not reach back far enough."]


def test_areas_with_a_clear_change_are_named():
    rows = [row("theft", "more", area=name) for name in "abcdefg"]
    assert texts(row("theft", ""), *rows)[-1] == "Areas with a clear change: a, b, c, d, e and 2 more."
    assert texts(row("theft", ""), rows[0], levels=2)[-1] == "Areas with a clear change: a (area)."


def test_the_view_has_the_city_and_the_clear_areas():
    view = change_view(part(row("theft", ""), row("theft", "more", area="a"), row("theft", "", area="b")))
    assert view["heads"] == ["Against the week before"]
    (shown,) = view["rows"]
    assert (shown["crime_type"], shown["count"], shown["cells"][0]["counts"]) == ("theft", "30", "30 / 20")
    assert [one["area"] for one in view["clear_areas"]] == ["a"]
    assert view["clear_areas"][0]["state"] == "more"
    assert (view["areas"], view["more"]) == (2, 0)
    assert shown["line"] == "0.0,23.0 120.0,1.0"  # from 0 to the highest count


@pytest.mark.parametrize(("earlier", "share"), [(20, "+50\N{NO-BREAK SPACE}%"), (0, "none before")])
def test_a_change_from_nothing_has_no_share(earlier, share):
    view = change_view(part(row("theft", "more", earlier=earlier)))
    assert view["rows"][0]["cells"][0]["share"] == share
