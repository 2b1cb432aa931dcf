"""Read the records of neighbouring jurisdictions, and leave out those that cannot be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ilp_models.domain.borders import merge_neighbours, why_incomplete
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import IlpError, InputError
from ilp_models.domain.events import Events, EventSource

_LARGEST_CELL_M: Final = 10_000.0  # records further than this beyond the reach are not needed for any cell


@dataclass(frozen=True)
class UnusableRecords:
    """Records of a neighbour whose file has wrong settings: reading them says so."""

    why: str

    def read(self) -> Events:
        """Raise InputError with the reason."""
        raise InputError(self.why)


@dataclass(frozen=True)
class Neighbours:
    """Neighbouring jurisdictions, whose records the cells at the border know.

    Parameters
    ----------
    jurisdictions : mapping of str to EventSource, optional
        Where the records of each neighbour come from, by name.
    reach_m : float, default 3000
        Width of the halo beyond the border, metres; see :class:`~ilp_models.AcrossBorders`.

    Raises
    ------
    InputError
        If the reach is not above 0.
    """

    jurisdictions: Mapping[str, EventSource] = field(default_factory=dict)
    reach_m: float = 3000.0

    def __post_init__(self) -> None:
        """Check the reach and the sources."""
        if not isinstance(self.jurisdictions, Mapping):
            if self.jurisdictions:
                msg = f"neighbours.jurisdictions={self.jurisdictions!r} must give a source of records for each name."
                raise InputError(msg)
            object.__setattr__(self, "jurisdictions", {})  # an empty list of names
        if not 0 < self.reach_m < float("inf"):
            msg = f"neighbours.reach_m={self.reach_m} must be above 0. Give metres, such as 3000."
            raise InputError(msg)

    def read(self, events: Events, calendar: Calendar) -> tuple[dict[str, Events], dict[str, str]]:
        """Return the usable records of each neighbour on the CRS and clock of the events, and why others are left out.

        Only records near the extent of the events are returned.
        """
        found, left_out = {}, {}
        for name, source in self.jurisdictions.items():
            try:
                records = source.read()
                reason = why_incomplete(events, records, calendar)
            except IlpError as error:  # the forecast goes on without this neighbour, and says so
                reason = str(error)
            if reason:
                left_out[name] = reason
            else:
                found[name] = merge_neighbours(events, [records], self.reach_m + _LARGEST_CELL_M)
        return found, left_out
