"""The units of a backtest, and which of them each row of a rival's file is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ilp_models.data.rival_table import CELL, GEOMETRY, RivalTable
from ilp_models.data.schema import closest
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.grid import Grid
from ilp_models.grid.cell_match import TOLERANCE_M, match_cells

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Units:
    """The unit of each row: positions of crime type, cell and test period, and the lead."""

    kind: Ints
    cell: Ints
    position: Ints
    lead: Ints
    shape: tuple[int, int, int]  # crime types, cells, test periods

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lead)

    @classmethod
    def joined(cls, parts: Sequence["Units"]) -> "Units":
        """Return the rows of several files one after another."""
        kind, cell, position, lead = (
            np.concatenate([getattr(one, name) for one in parts]) for name in ("kind", "cell", "position", "lead")
        )
        return cls(kind, cell, position, lead, parts[0].shape)

    def take(self, rows: Ints) -> Self:
        """Return some rows."""
        return type(self)(self.kind[rows], self.cell[rows], self.position[rows], self.lead[rows], self.shape)

    def of_lead(self, lead: int) -> tuple[Ints, Ints]:
        """Return the rows of a lead, and their place in a cube (crime type, cell, period) of that lead."""
        row = np.flatnonzero(self.lead == lead)
        shape = (*self.shape[:2], self.shape[2] - lead + 1)  # the first periods are too early for a later lead
        return row, np.ravel_multi_index((self.kind[row], self.cell[row], self.position[row] - lead + 1), shape)


@dataclass(frozen=True, eq=False)
class BacktestUnits:
    """Crime types, cells, test periods and leads of a backtest, with one cutoff at the start of each period."""

    grid: Grid
    crime_types: tuple[str, ...]
    periods: pd.PeriodIndex  # of the first lead
    leads: tuple[int, ...]
    calendar: Calendar

    def of_rows(self, given: RivalTable) -> Units:
        """Return the unit of each row; InputError names the first row that is of none."""
        kind = self._kinds(given)
        cell = self._cells(given)
        position, lead = self._times(given)
        return Units(kind, cell, position, lead, (len(self.crime_types), len(self.grid), len(self.periods)))

    def check_complete(self, units: Units, name: str, labels: Sequence[str]) -> None:
        """Raise InputError where a unit is missing or has two rows."""
        missing: list[str] = []
        for lead in self.leads:
            row, flat = units.of_lead(lead)
            shape = (*units.shape[:2], units.shape[2] - lead + 1)
            rows = np.bincount(flat, minlength=int(np.prod(shape)))
            if (rows > 1).any():
                first = int((rows > 1).argmax())
                files = " and ".join(dict.fromkeys(labels[one] for one in row[flat == first]))
                msg = (
                    f"{files}: {name} has {rows[first]} forecasts of {self._text(first, lead, shape)}; "
                    f"{(rows > 1).sum()} unit(s) are listed twice. Keep one row; two rivals of one name need a "
                    "column forecaster."
                )
                raise InputError(msg)
            missing += [self._text(int(one), lead, shape) for one in np.flatnonzero(rows == 0)[:1]]
            missing += [""] * int((rows == 0).sum() - 1)
        if missing:
            total = sum(int(np.prod(units.shape[:2])) * (units.shape[2] - lead + 1) for lead in self.leads)
            msg = (
                f"{labels[0]}: {name} lacks {len(missing):,} of {total:,} units, first {missing[0]}. Forecast every "
                "crime type, cell, period and lead; an expected count may be 0."
            )
            raise InputError(msg)

    def _text(self, flat: int, lead: int, shape: tuple[int, ...]) -> str:
        kind, cell, place = np.unravel_index(flat, shape)
        period = self.periods[int(place) + lead - 1].start_time
        return f"{self.crime_types[int(kind)]} / {self.grid.cells[int(cell)]} / {period:%Y-%m-%d} at lead {lead}"

    def _kinds(self, given: RivalTable) -> Ints:
        names = given.table["crime_type"]
        kind = pd.Index(self.crime_types).get_indexer(names.cat.categories)[names.cat.codes]
        if (kind < 0).any():
            row = int((kind < 0).argmax())
            name = str(names.iloc[row])
            hint = closest(name, self.crime_types)
            known = ", ".join(self.crime_types)
            raise given.fault(row, f"crime_type={name[:60]!r} is unknown{hint}. The backtest has {known}.")
        return np.asarray(kind, dtype=np.int64)

    def _cells(self, given: RivalTable) -> Ints:
        table = given.table
        if CELL in table:
            names = table[CELL]
            cell = self.grid.cells.astype(str).get_indexer(names.cat.categories)[names.cat.codes]
            what, remedy = CELL, f"The backtest has {len(self.grid):,}, such as {self.grid.cells[0]}."
        else:
            code, unique = pd.factorize(table[GEOMETRY])
            cell, what = self._match(np.asarray(unique, dtype=object), given)[code], GEOMETRY
            remedy = f"Its border must be within {TOLERANCE_M:g} m of that of a cell ({self.grid.crs})."
            cell = np.where(code < 0, -1, cell)
        if (cell < 0).any():
            row = int((cell < 0).argmax())
            text = str(table[what].iloc[row])[:60]
            other = len(pd.unique(table[what][cell < 0]))
            more = f", nor are {other - 1:,} other values" if other > 1 else ""
            raise given.fault(row, f"{what}={text!r} is not a cell of the backtest{more}. {remedy}")
        return np.asarray(cell, dtype=np.int64)

    def _match(self, unique: npt.NDArray[np.object_], given: RivalTable) -> Ints:
        try:
            return match_cells(unique, self.grid, given.crs)
        except Exception as error:  # a geometry or CRS from outside can raise any error
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            msg = f"{given.label}: the geometry cannot be read ({reason[:120]}). Give WKT or WKB, or a column cell."
            raise InputError(msg) from error

    def _times(self, given: RivalTable) -> tuple[Ints, Ints]:
        """Return test period and lead of each row, having derived what is not given and compared what is."""
        table = given.table
        period, cutoff = (self._ordinals(given, name) if name in table else None for name in ("period", "cutoff"))
        lead = self._leads(given) if "lead" in table else None
        if period is not None and cutoff is not None:
            early = cutoff > period
            if early.any():
                row = int(early.argmax())
                days = (f"{table[name].iloc[row]:%Y-%m-%d}" for name in ("cutoff", "period"))
                text = "cutoff={} is after the start of period={}: this forecast has seen its period".format(*days)
                raise given.fault(row, f"{text}. Forecast it at an earlier cutoff.")
            derived = period - cutoff + 1
            if lead is not None and (lead != derived).any():
                row = int((lead != derived).argmax())
                text = f"lead={lead[row]} does not fit cutoff and period, which give lead {derived[row]}"
                raise given.fault(row, f"{text}. Correct one of them.")
            lead = derived
        elif lead is None:
            if period is None or len(self.leads) > 1:
                msg = f"{given.label}: no column lead, and the backtest has the leads {list(self.leads)}. Add it."
                raise InputError(msg)
            lead = np.full(len(table), self.leads[0])
        if period is None:
            period = cutoff + lead - 1 if cutoff is not None else lead
        self._check_tested(given, period, lead)
        return period - int(self.periods.asi8[0]), lead

    def _ordinals(self, given: RivalTable, name: str) -> Ints:
        """Return the period that starts at each date."""
        dates = given.table[name]
        unique = pd.DatetimeIndex(dates.unique())
        periods = unique.to_period(self.calendar.freq)
        wrong = unique[periods.start_time != unique]
        if len(wrong):
            row = int((dates == wrong[0]).to_numpy().argmax())
            unit = self.calendar.period_unit
            start = periods[unique == wrong[0]][0].start_time
            text = f"{name}={wrong[0]} is not the start of a {unit}"
            raise given.fault(row, f"{text}; that {unit} starts on {start:%Y-%m-%d}. Write its first day.")
        return np.asarray(dates.map(dict(zip(unique, periods.asi8, strict=True))), dtype=np.int64)

    def _leads(self, given: RivalTable) -> Ints:
        values = given.table["lead"].to_numpy(dtype=float)
        wrong = ~np.isin(values, self.leads)
        if wrong.any():
            row = int(wrong.argmax())
            raise given.fault(row, f"lead={values[row]:g} is not forecast here: the leads are {list(self.leads)}.")
        return values.astype(np.int64)

    def _check_tested(self, given: RivalTable, period: Ints, lead: Ints) -> None:
        first, last = (int(self.periods.asi8[end]) for end in (0, -1))
        unknown = ~np.isin(lead, self.leads)
        other = (period > last) | (period - lead + 1 < first)
        for wrong, what in ((unknown, "lead"), (other, "period")):
            if wrong.any():
                row = int(wrong.argmax())
                start = pd.Period(ordinal=int(period[row]), freq=self.calendar.freq).start_time
                tested = f"{self.periods[0].start_time:%Y-%m-%d} to {self.periods[-1].start_time:%Y-%m-%d}"
                text = (
                    f"the {what} of period={start:%Y-%m-%d} at lead {lead[row]} is not tested: {wrong.sum():,} row(s)"
                )
                raise given.fault(
                    row,
                    f"{text}. The test periods start {tested}, with leads {list(self.leads)} from cutoffs in them. "
                    "Remove these rows, or set backtest.test_periods and backtest.end.",
                )
