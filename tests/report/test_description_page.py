import numpy as np
import pandas as pd

from ilp_models.domain.description import DescribedPart
from ilp_models.report.description_page import headlines


def hours(*, busy=True, doubtful=""):
    """Return counts of a week in which Friday from 20:00 to 23:00 is busy."""
    events = np.ones((7, 24))
    events[4, 20:23] = 100
    day, hour = (one.ravel() for one in np.indices(events.shape))
    table = pd.DataFrame({"weekday": day, "hour": hour, "events": events.ravel(), "crime_type": "all", "area": ""})
    chance = 0.001 if busy else 0.5
    facts = {"doubtful_hours": doubtful, "p_even_hours": chance, "p_even_days": chance, "weeks": 52}
    return DescribedPart("hours", {"hours": table}, facts)


def texts(*parts):
    return [one.replace("\N{NO-BREAK SPACE}", " ") for one in headlines(parts)]


def test_the_busiest_hours_and_day_are_named_with_what_chance_gives():
    first, second = texts(hours())
    assert first.startswith("The busiest three hours are 20:00 to 23:00, with 68.4 % of the crimes of 52 weeks.")
    assert (
        second
        == "The busiest day is Friday, with 69.0 % of the crimes. Spread evenly over the week, it would be 14.3 %."
    )


def test_doubtful_hours_are_not_compared():
    (first, _) = texts(hours(doubtful="20 21 22"))
    assert "20:00 to 23:00, with" not in first
    assert "Not compared: the hours from 20:00 and 21:00 and 22:00, see the notes." in first


def test_even_hours_and_no_records_name_none():
    assert texts(hours(busy=False)) == [
        "No hour of the day is clearly busier than the others.",
        "No day of the week is clearly busier than the others.",
    ]
    empty = hours()
    assert texts(DescribedPart("hours", {"hours": empty.tables["hours"].iloc[:0]}, empty.facts)) == []
    nothing = empty.tables["hours"].assign(events=0.0)
    assert texts(DescribedPart("hours", {"hours": nothing}, empty.facts)) == []


def test_parts_without_sentences_are_left_out():
    assert headlines([DescribedPart("other", {})]) == []
