"""Description of recorded crime: what a part may read, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import UNTIL, Events
from ilp_models.domain.grid import Grid, parent_labels
from ilp_models.domain.notebook_html import html_summary
from ilp_models.domain.repeat_process import RepeatModel

OWN_LABEL: Final = "area"  # level of the publisher's own area labels


@dataclass(frozen=True, eq=False)
class DescriptionData:
    """The records that a description covers, and the areas that it names."""

    events: Events
    grid: Grid
    # areas of the tables, a parent level of the grid; None: the first level, or else the labels of the records
    area_level: str | None = None
    further_levels: tuple[str, ...] = ()  # levels that the change table has as well
    repeat_model: RepeatModel | None = None  # fits a self-exciting process; None: near repeats are not compared

    def __post_init__(self) -> None:
        """Refuse a level of areas that the grid does not have."""
        levels = self._levels
        asked = [*([] if self.area_level is None else [self.area_level]), *self.further_levels]
        for level in asked:
            if level not in levels:
                known = f"choose from {', '.join(levels)}" if levels else "there is none; set grid.parents"
                msg = f"area_level={level!r} is no level of areas of the grid; {known}."
                raise InputError(msg)
        if len(set(asked)) < len(asked):
            msg = f"area_level={asked} has a level twice. Give each level once."
            raise InputError(msg)

    @property
    def _levels(self) -> list[str]:
        own = [OWN_LABEL] if OWN_LABEL in self.events.table else []
        return list(dict.fromkeys([*map(str, self.grid.parents.columns), *own]))

    @property
    def months_only(self) -> bool:
        """Whether only the months of the events are known; their dates are then the first of a month."""
        return self.events.intake is not None and self.events.intake.resolution == "month"

    @cached_property
    def counted(self) -> Events:
        """The events in the same order, each with the one time at which forecasts count it."""
        return self.events.counted()

    @property
    def span_notes(self) -> list[str]:
        """How events in a span of time are counted; empty without any."""
        table = self.events.table
        spans = int(table[UNTIL].notna().sum()) if UNTIL in table else 0
        if not spans:
            return []
        return [
            f"Incidents in a span of time: {spans:,}. The table of hours divides each among the hours of its span. All "
            "other tables count it once, at a time drawn from the span, as recorded counts do."
        ]

    @cached_property
    def event_cells(self) -> npt.NDArray[np.int64]:
        """The cell of each event, -1 outside the grid."""
        return self.grid.locate(self.events)

    @property
    def level(self) -> str | None:
        """The level of areas; None without any."""
        return self.area_level or next(iter(self._levels), None)

    @property
    def by_level(self) -> Mapping[str, "DescriptionData"]:
        """The same records for each level of areas that the change table has; empty without any."""
        return {
            level: self if level == self.level else replace(self, area_level=level, further_levels=())
            for level in (self.level, *self.further_levels)
            if level is not None
        }

    @cached_property
    def event_areas(self) -> npt.NDArray[np.object_]:
        """The area of each event, empty where it has none.

        The label of the record itself where the level is the publisher's own, else the area of its cell.
        """
        if self.level == OWN_LABEL and OWN_LABEL in self.events.table:
            return np.asarray(self.events.table[OWN_LABEL].astype(object).fillna("").to_numpy(), dtype=object)
        cells = self.event_cells
        return np.asarray(np.where(cells >= 0, self.cell_areas[cells], ""), dtype=object)

    @property
    def areas(self) -> list[str]:
        """All areas in order, also those without an event."""
        found = {*map(str, self.cell_areas), *map(str, np.unique(self.event_areas.astype(str)))}
        return sorted(found - {""})

    @property
    def cell_areas(self) -> npt.NDArray[np.object_]:
        """The area of each cell of the grid, empty where it has none."""
        if self.level not in self.grid.parents.columns:
            return np.full(len(self.grid), "", dtype=object)
        return np.asarray(parent_labels(self.grid, self.level), dtype=object)


@dataclass(frozen=True, eq=False)
class DescribedPart:
    """The tables of one part of a description."""

    name: str  # such as near_repeats
    tables: Mapping[str, pd.DataFrame]  # tidy, by name; each becomes a CSV file and a sheet
    facts: Mapping[str, float | int | str] = field(default_factory=dict)  # numbers that sentences are made of
    notes: tuple[str, ...] = ()  # what was left out or counted differently, with its number


class DescriptionPart(Protocol):
    """Describes one aspect of recorded crime. The constructor holds the settings."""

    @property
    def name(self) -> str:
        """The name of the part, such as ``near_repeats``."""
        ...

    def describe(self, data: DescriptionData) -> DescribedPart:
        """Return the tables of this part."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class Description:
    """What records show about past crime; made by :func:`ilp_models.describe_events`. It is not a forecast.

    Parameters
    ----------
    data : DescriptionData
        The records and areas described.
    parts : tuple of DescribedPart
        In the order of the page.
    """

    data: DescriptionData
    parts: tuple[DescribedPart, ...]

    def __repr__(self) -> str:
        """Return number of events, span and parts in one line."""
        return f"<Description: {', '.join(f'{name} {value}' for name, value in self._facts().items())}>"

    def _repr_html_(self) -> str:
        return html_summary("Description", self._facts())

    def _facts(self) -> dict[str, str]:
        events = self.data.events
        return {
            "events": f"{len(events):,}",
            "span": f"{events.start:%Y-%m-%d} to {events.end:%Y-%m-%d}",
            "parts": ", ".join(part.name for part in self.parts),
        }

    def part(self, name: str) -> DescribedPart:
        """Return a part by its name.

        Parameters
        ----------
        name : str
            Such as ``near_repeats``.

        Returns
        -------
        DescribedPart
            Its tables, facts and notes.

        Raises
        ------
        InputError
            If the description has no such part.
        """
        for part in self.parts:
            if part.name == name:
                return part
        msg = f"The description has no part {name!r}; it has {', '.join(part.name for part in self.parts)}."
        raise InputError(msg)
