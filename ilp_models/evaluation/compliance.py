"""Dose against assignment: treated periods without dose, dose without treatment, and the map of the dose."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.dose import CELL, Dose
from ilp_models.domain.errors import InputError
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.domain.trial_finding import TrialFinding
from ilp_models.stats.suppression import suppressed

Floats = npt.NDArray[np.floating[Any]]

_OUTSIDE: Final = -1
_FEWEST_CREWS: Final = 2


@dataclass(frozen=True, eq=False)
class Compliance:
    """The dose of a trial by unit and period.

    Attributes
    ----------
    design : TrialDesign
        Units and assignment.
    dose : Dose
        What was done.
    periods : int
        Recorded periods of the trial.
    cells : frozenset of str
        Cells of the grid.
    """

    design: TrialDesign
    dose: Dose
    periods: int
    cells: frozenset[str]

    @cached_property
    def _rows(self) -> pd.DataFrame:
        """The dose table with the number of the unit (-1 for none) and of the period, and whether it is in a zone."""
        table, design = self.dose.table, self.design
        if self.dose.place_kind == CELL and len(design.units_by_shift) > 1:
            msg = (
                f"dose={self.dose.source} has hours by cell, and in this trial a cell is a unit in each of several "
                f"shifts. Give the column unit instead, with names of the design such as {design.units[0]!r}."
            )
            raise InputError(msg)
        if self.dose.place_kind == CELL:
            owner = {cell: at for at, cells in enumerate(design.cells) for cell in cells}
            known: set[str] | frozenset[str] = self.cells | owner.keys()
        else:
            owner = {unit: at for at, unit in enumerate(design.units)}
            known = owner.keys() | set()
        unknown = table[~table["place"].isin(known)]
        if len(unknown):
            row = unknown.iloc[0]
            where = "the grid" if self.dose.place_kind == CELL else "the trial"
            msg = (
                f"dose={row['file']}, row {row['row']}: {self.dose.place_kind} {row['place']!r} is not in {where} "
                f"({len(unknown)} such rows). Use the names of the design, such as {next(iter(owner))!r}."
            )
            raise InputError(msg)
        calendar = Calendar(design.period_unit, design.week_start)
        zone = {cell for one in design.zones for cell in one}
        return table.assign(
            unit=table["place"].map(owner).fillna(_OUTSIDE).astype(int),
            number=calendar.ordinals(table["period"]) - design.first_period.ordinal,
            in_zone=table["place"].isin(zone),
        )

    @property
    def _inside(self) -> pd.DataFrame:
        rows = self._rows
        return rows[(rows["unit"] >= 0) & self._in_time]

    @property
    def _in_time(self) -> pd.Series:
        return self._rows["number"].between(0, self.periods - 1)

    @cached_property
    def hours(self) -> Floats:
        """Hours by unit and period."""
        found = np.zeros((len(self.design.units), self.periods))
        rows = self._inside
        np.add.at(found, (rows["unit"].to_numpy(), rows["number"].to_numpy()), rows["hours"].to_numpy())
        return found

    @property
    def treated(self) -> npt.NDArray[np.bool_]:
        """The assignment in the recorded periods."""
        return self.design.treated[:, : self.periods]

    def findings(self) -> Iterator[TrialFinding]:
        """Yield what the dose says about the trial."""
        hours, treated = self.hours, self.treated
        part = (np.array(self.design.blocks) >= 0)[:, None]
        yield TrialFinding("recorded dose", {"rows": len(self.dose.table), "hours": self.dose.hours})
        if self.dose.not_reported:
            yield TrialFinding("dose not reported", {"rows": self.dose.not_reported})
        yield from self._too_high()
        missing = int((treated & part & (hours == 0)).sum())
        if missing:
            yield TrialFinding("dose missing", {"missing": missing, "total": int((treated & part).sum())})
        outside = np.where(treated, 0.0, hours)
        if outside.any():
            facts = {"units": int(outside.any(axis=1).sum()), "total": len(hours), "hours": float(outside.sum())}
            yield TrialFinding("dose outside", {**facts, "share": float(outside.sum() / hours.sum())})
        rows = self._rows[self._in_time & (self._rows["unit"] < 0)]
        if len(rows):
            zone = float(rows.loc[rows["in_zone"], "hours"].sum())
            yield TrialFinding("dose elsewhere", {"hours": float(rows["hours"].sum()), "zone": zone})
        if late := int((~self._in_time).sum()):
            yield TrialFinding("dose at another time", {"rows": late})
        if self.dose.dropped:
            yield TrialFinding("columns dropped", {"columns": ", ".join(self.dose.dropped)})
        yield from self._hidden()

    def _too_high(self) -> Iterator[TrialFinding]:
        rows, design = self._rows, self.design
        days = np.ceil((design.first_period.end_time - design.first_period.start_time) / pd.Timedelta(days=1))
        a_day = np.array([*((end - first) % 24 for first, end in design.shifts or [(0, 0)] * len(design.units)), 0])
        longest = days * np.where(a_day, a_day, 24)[rows["unit"]]  # the last is that of cells in no unit
        wrong = rows[rows["hours"] > longest * np.fmax(rows["crews"].to_numpy(dtype=float), 1.0)]
        if len(wrong):
            first = wrong.iloc[0]
            yield TrialFinding("dose too high", {"rows": len(wrong), "row": first["row"], "hours": first["hours"]})

    def _hidden(self) -> Iterator[TrialFinding]:
        if self.dose.table["crews"].isna().all():
            yield TrialFinding("no crews")
        elif hidden := int(self.map_table()["suppressed"].sum()):
            yield TrialFinding("dose suppressed", {"places": hidden})

    def map_table(self) -> pd.DataFrame:
        """Return hours of each place in periods with and without treatment.

        Hours of a place that never had more than one patrol unit are left out, because they are those of one crew. If
        that is a single place, the one with the fewest hours is left out too: the total would reveal the first.
        """
        rows = self._inside
        given = self.treated[rows["unit"].to_numpy(), rows["number"].to_numpy()]
        rows = rows.assign(treated_hours=rows["hours"].where(given, 0.0), other_hours=rows["hours"].where(~given, 0.0))
        sums = rows.groupby("place", sort=True).agg(
            unit=("unit", "first"),
            treated_hours=("treated_hours", "sum"),
            other_hours=("other_hours", "sum"),
            crews=("crews", "max"),
        )
        sums["unit"] = [self.design.units[one] for one in sums["unit"]]
        whole = (sums["treated_hours"] + sums["other_hours"]).to_numpy(dtype=float)
        sums["suppressed"] = suppressed(whole, 0, also=(sums.pop("crews") < _FEWEST_CREWS).to_numpy())
        sums.loc[sums["suppressed"], ["treated_hours", "other_hours"]] = np.nan
        return sums.rename_axis("place").reset_index()

    def by_period(self) -> pd.DataFrame:
        """Return hours, and treated units with and without dose, by period."""
        part = (np.array(self.design.blocks) >= 0)[:, None]
        treated, served = self.treated & part, self.hours > 0
        return pd.DataFrame(
            {
                "period": [str((self.design.first_period + at).start_time.date()) for at in range(self.periods)],
                "treated_units": treated.sum(axis=0),
                "treated_with_dose": (treated & served).sum(axis=0),
                "treated_hours": np.where(treated, self.hours, 0).sum(axis=0),
                "other_units_with_dose": (~treated & served).sum(axis=0),
                "other_hours": np.where(treated, 0, self.hours).sum(axis=0),
            }
        )
