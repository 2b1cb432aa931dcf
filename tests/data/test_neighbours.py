from dataclasses import dataclass, replace

import pandas as pd
import pytest

from ilp_models.data.neighbours import Neighbours
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.events import Events
from tests.builders import events_at


@dataclass(frozen=True)
class Source:
    events: Events | None

    def read(self):
        if self.events is None:
            msg = "May.csv does not exist."
            raise StorageError(msg)
        return self.events


HERE = events_at([630_100.0], [4_834_100.0])


def test_neighbours_that_cannot_be_used_are_left_out_and_named():
    short = replace(HERE, end=HERE.end - pd.Timedelta(weeks=2))
    sources = {"north": Source(HERE), "west": Source(short), "south": Source(None)}
    found, left_out = Neighbours(sources, 500.0).read(HERE, Calendar())
    assert list(found) == ["north"]
    assert len(found["north"]) == 1
    assert "is needed" in left_out["west"]
    assert left_out["south"] == "May.csv does not exist."


@pytest.mark.parametrize("settings", [{"reach_m": 0}, {"reach_m": float("nan")}, {"jurisdictions": ["north"]}])
def test_wrong_settings_are_refused(settings):
    with pytest.raises(InputError, match=r"neighbours\."):
        Neighbours(**settings)


def test_an_empty_list_of_names_is_no_neighbour():
    assert Neighbours([]).read(HERE, Calendar()) == ({}, {})
