"""Description of recorded crime: what a part may read, and what it returns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from ilp_models.domain.errors import InputError
from ilp_models.domain.events import Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.notebook_html import html_summary


@dataclass(frozen=True, eq=False)
class DescriptionData:
    """The records that a description covers, and the areas that it names."""

    events: Events
    grid: Grid
    area_level: str | None = None  # areas of the tables: a parent level of the grid; None: the first one, if any


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
