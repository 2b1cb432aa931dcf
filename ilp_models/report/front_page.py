"""The front page of a week: one screen for those who decide, and one printed page."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ilp_models.domain.disclaimers import SCOPE
from ilp_models.report.formatting import number, percent, sentence
from ilp_models.report.last_map import LastMap
from ilp_models.report.page import write_page

FRONT: Final = "front.html"
CAVEAT: Final = "Recorded crime is not all crime: where people report less, the numbers are lower than what happens."


@dataclass(frozen=True)
class Total:
    """Expected and recorded crimes of one type, or of all."""

    label: str
    expected: float
    range: tuple[float, float] | None  # of nine in ten tested periods; None if too few were tested
    last: float  # recorded in the latest period
    year_before: float | None  # recorded in the same period a year earlier

    @property
    def range_text(self) -> str:
        """The range in whole crimes, or that it is not known."""
        return "not known" if self.range is None else f"{self.range[0]:,.0f} to {self.range[1]:,.0f}"

    def change(self, recorded: float | None) -> str:
        """Return the difference to a recorded count in percent, with its range."""
        if not recorded:
            return "not known" if recorded is None else "none recorded"
        text = percent(self.expected / recorded - 1, 0, sign=True)
        if self.range is None:
            return text
        low, high = (percent(end / recorded - 1, 0, sign=True) for end in self.range)
        return f"{text} ({low} to {high})"

    def direction(self, recorded: float | None) -> str:
        """Return up, down, or about the same: only a range that excludes the recorded count shows a direction."""
        if recorded is None or self.range is None:
            return ""
        return "down" if self.range[1] < recorded else "up" if self.range[0] > recorded else "about the same"


@dataclass(frozen=True)
class Place:
    """A place with many expected crimes."""

    name: str
    expected: float
    lat: float
    lon: float


@dataclass(frozen=True, eq=False)
class FrontPage:
    """Everything that the front page shows."""

    city: str
    period: str
    noun: str
    admitted: bool
    why: str
    until: str
    totals: tuple[Total, ...]  # the first is of all types
    tested: int  # periods of the backtest
    last_label: str  # latest recorded period
    places: tuple[Place, ...]  # none if withheld
    mark: str
    last: LastMap | None
    report: str  # file name of the report
    note: str = ""  # that the records are simulated, where they are

    @property
    def outside(self) -> tuple[str, ...]:
        """What an expected number outside its range means, for each side on which there is one."""
        known = [(one.label.lower() if at == 0 else one.label, one) for at, one in enumerate(self.totals) if one.range]
        above = [label for label, one in known if one.range and one.expected > one.range[1]]
        below = [label for label, one in known if one.range and one.expected < one.range[0]]
        return tuple(
            f"In most tested {self.noun}s the forecast was too {word} for {', '.join(labels)}, so the expected number "
            f"lies {side} the range."
            for word, side, labels in (("high", "above", above), ("low", "below", below))
            if labels
        )

    def write(self, folder: Path) -> Path:
        """Write the page and return its path."""
        path = folder / FRONT
        write_page(path, "front.html.j2", page=self, caveat=CAVEAT, scope=sentence(SCOPE), short=number)
        return path
