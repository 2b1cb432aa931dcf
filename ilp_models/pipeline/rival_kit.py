"""A rival's kit: all that other software needs to take part in a comparison."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.digest import file_digest
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import UNTIL, Events
from ilp_models.domain.grid import Grid
from ilp_models.domain.printable import printable
from ilp_models.domain.text_output import write_table
from ilp_models.export.cell_files import write_cells_geojson, write_cells_parquet
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.backtesting import Backtest
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.outputs import write_json
from ilp_models.report.rival_kit import kit_readme

README: Final = "README.md"
MANIFEST: Final = "kit.json"
PERIODS: Final = "periods.csv"
TEMPLATE: Final = "template.parquet"
_DAY: Final = "%Y-%m-%d"


def write_rival_kit(backtest: Backtest, folder: str | Path) -> list[Path]:
    """Write all that other software needs to forecast the test periods of a backtest, and return the files.

    The event files up to the date of a cutoff hold what was known at it. Those of later cutoffs hold the events of
    earlier test periods: a rival must not read them early. No file has an event that was reported after the last
    cutoff, or the coordinates of an event.

    Parameters
    ----------
    backtest : Backtest
        Its study, grid and test periods define the task; its forecasts are not in the kit.
    folder : str or Path
        A new or empty folder.

    Returns
    -------
    list of Path
        ``README.md``, ``periods.csv``, ``template.parquet``, ``cells.parquet``, ``cells.geojson``, one file of events
        for each cutoff, and ``kit.json`` with their digests.

    Raises
    ------
    InputError
        If the folder is not empty.

    Examples
    --------
    >>> import tempfile, ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=60).read()
    >>> folder = tempfile.mkdtemp()
    >>> backtest = ilp.run_backtest(
    ...     {"mean": ilp.MovingAverage()}, events, ilp.SquareGrid(500), test_periods=4, store=f"{folder}/forecasts"
    ... )
    >>> len(ilp.write_rival_kit(backtest, f"{folder}/kit"))
    10
    """
    place = check_kit_folder(folder)
    study = backtest.study
    folds = backtest.plan.folds(study.events, study.calendar)
    known = {fold.cutoff: study.calendar.earlier(fold.cutoff, study.record_lag) for fold in folds}
    periods = _periods(backtest, known)
    parts = _new_events(study.events, backtest.grid, study.calendar, list(known.values()))
    writers: dict[str, Callable[[Path], object]] = {
        README: lambda path: path.write_text(_readme(backtest, periods), encoding="utf-8"),
        PERIODS: partial(write_table, periods),
        TEMPLATE: _template(backtest, periods).to_parquet,
        "cells.parquet": partial(write_cells_parquet, backtest.grid),
        "cells.geojson": partial(write_cells_geojson, backtest.grid),
    }
    for cutoff, part in zip(known, parts, strict=True):
        writers[_events_file(cutoff)] = partial(part.to_parquet, compression="zstd", index=False)
    files = [*writers]
    writers[MANIFEST] = lambda path: write_json(path, _manifest(backtest, path.parent, files))
    return write_all_or_none(place, writers, "The kit")


def check_kit_folder(folder: str | Path) -> Path:
    """Return a new or empty folder: event files of another kit would be read together with those of this one."""
    place = Path(folder).expanduser().absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        msg = f"kit={folder} exists and is not an empty folder. Name a new folder."
        raise InputError(msg)
    return place


def _events_file(cutoff: pd.Timestamp) -> str:
    return f"events-{cutoff:{_DAY}}.parquet"


def _periods(backtest: Backtest, known: dict[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
    """Return one row for each cutoff and lead."""
    study, rows = backtest.study, []
    for fold in backtest.plan.folds(study.events, study.calendar):
        settled = known[fold.cutoff] - study.events.settles_after
        last = study.calendar.whole_periods(study.events.start, settled)[-1]
        for lead, period in enumerate(fold.periods, start=1):
            dates = (fold.cutoff, period.start_time, (period + 1).start_time, last.start_time)
            cutoff, start, end, complete = (f"{date:{_DAY}}" for date in dates)
            rows.append((cutoff, lead, start, end, complete, _events_file(fold.cutoff)))
    columns = ["cutoff", "lead", "period", "period_end", "last_complete", "events_file"]
    return pd.DataFrame(rows, columns=columns)


def _new_events(events: Events, grid: Grid, calendar: Calendar, moments: Sequence[pd.Timestamp]) -> list[pd.DataFrame]:
    """Return the events that became known before each moment and after the one before it."""
    known = events.known_at(moments[-1])
    counted = known.counted()
    cell = grid.locate(counted)
    names = np.append(grid.cells.astype(str).to_numpy(dtype=object), "")
    period = pd.DatetimeIndex(counted.table["occurred_at"]).to_period(calendar.freq)
    columns = ["occurred_at", *([UNTIL] if UNTIL in known.table else []), "reported_at", "crime_type"]
    table = known.table[columns].reset_index(drop=True)
    table = table.assign(cell=pd.Categorical(names[cell]), period=period.start_time)
    first = np.searchsorted(np.array(moments, dtype="datetime64[ns]"), table["reported_at"].to_numpy(), side="right")
    return [table[first == number].reset_index(drop=True) for number in range(len(moments))]


def _template(backtest: Backtest, periods: pd.DataFrame) -> pd.DataFrame:
    """Return every key of the answer, with an empty expected count."""
    units = pd.MultiIndex.from_product(
        [backtest.replays[0].crime_types, backtest.grid.cells.astype(str)], names=["crime_type", "cell"]
    )
    table = periods[["cutoff", "period", "lead"]].merge(units.to_frame(index=False), how="cross")
    return table.assign(cutoff=pd.to_datetime(table["cutoff"]), period=pd.to_datetime(table["period"]), expected=np.nan)


def _readme(backtest: Backtest, periods: pd.DataFrame) -> str:
    study, scoring = backtest.study, backtest.scoring
    intake = study.events.intake
    facts: dict[str, Any] = {
        "city": study.city or "the study area",
        "leads": f"1 to {backtest.plan.horizon}" if backtest.plan.horizon > 1 else "1",
        "unit": study.calendar.period_unit,
        "cutoffs": periods["cutoff"].nunique(),
        "first_cutoff": periods["cutoff"].iloc[0],
        "last_cutoff": periods["cutoff"].iloc[-1],
        # not the protocol, which tells how many events the test periods have
        "cells": f"{len(backtest.grid):,}",
        "land": f"{backtest.grid.area_m2.sum() / 1e6:,.0f}",
        "crime_types": ", ".join(backtest.replays[0].crime_types),
        "spans": UNTIL in study.events.table,
        "parents": ", ".join(f"`{level}`" for level in backtest.grid.parents.columns),
        "crs": backtest.grid.crs,
        "time_zone": study.events.time_zone,
        "delay": backtest.scores.delay,
        "floor": f"{scoring.floor:g}",
        "baseline": scoring.baseline,
        "source": "" if intake is None else intake.source,
        "start": f"{study.events.start:{_DAY}}",
        "attribution": study.attribution or "Ask the sender of this kit for the licence of the records.",
    }
    return kit_readme(**{key: printable(fact) if isinstance(fact, str) else fact for key, fact in facts.items()})


def _manifest(backtest: Backtest, folder: Path, files: Sequence[str]) -> dict[str, Any]:
    study = backtest.study
    return {
        "made_at": now().isoformat(),
        "code": study.code,
        "data": study.events.digest(),
        "cells": backtest.grid.digest(),
        "calendar": vars(study.calendar),
        "files": {name: file_digest(folder / name) for name in files},
    }
