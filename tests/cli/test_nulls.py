from collections.abc import Mapping, Sequence

import pytest

from ilp_models.cli.errors import UsageError
from ilp_models.cli.nulls import check_nulls

CALENDAR = {"_target_": "ilp_models.domain.calendar.Calendar"}
SQUARES = {"_target_": "ilp_models.grid.square.SquareGrid"}


def task(*, cities: Mapping[str, Mapping[str, str]], names: Sequence[str] = (), end: str | None = None, untyped=3):
    """Replace the function of a task."""


@pytest.mark.parametrize(
    ("config", "setting", "fix"),
    [
        ({"names": None}, "names", "leave the setting out"),
        ({"cities": {"a": None}}, "cities.a", "leave the setting out"),
        ({"cities": {"a": {"b": None}}}, "cities.a.b", "leave the setting out"),
        ({"calendar": {**CALENDAR, "week_start": None}}, "calendar.week_start", "such as monday"),
        ({"cities": {"a": {"b": {**CALENDAR, "week_start": None}}}}, "cities.a.b.week_start", "such as monday"),
        ({"grid": {**SQUARES, "origin": None}}, "grid.origin", "leave the setting out"),
    ],
)
def test_null_is_refused_where_the_annotation_excludes_it(config, setting, fix):
    with pytest.raises(UsageError, match=rf"^{setting}=null is not possible: .* {fix}"):
        check_nulls(config, task)


@pytest.mark.parametrize(
    "config",
    [
        {"end": None, "untyped": None, "unknown": None},
        {"grid": {**SQUARES, "area": None, "parents": None}},
        {"grid": {**SQUARES, "parents": {"area": None}}},
    ],
)
def test_null_is_accepted_where_the_annotation_has_it_or_is_missing(config):
    check_nulls(config, task)
