"""Find the map that was issued for the latest recorded period, and measure how well it did."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from ilp_models.audit.flagging import FlaggingRule
from ilp_models.audit.register.register import Register
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import IlpError
from ilp_models.pipeline.audit_result import AuditResult
from ilp_models.pipeline.audited_rule import CellPlanner, audited_rule
from ilp_models.pipeline.flagged_cells import flagged_cells
from ilp_models.pipeline.plan import grid_of
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.report.last_map import LastMap

Floats = npt.NDArray[np.float64]

_TREND: Final = 12  # periods
_RANKINGS: Final = ("count", "per_km2")  # that need nothing but the stored forecast
_SAME_CELLS: Final = 0.5  # of the cells of an earlier run must be cells of this one


@dataclass(frozen=True, eq=False)
class _Flags:
    """The flagged part of each cell in one period, and where the map comes from."""

    cells: pd.Index
    flagged: Floats  # (types, cells)
    kinds: tuple[str, ...]
    source: str
    issued: bool


def last_map(audit: AuditResult, folder: Path, register: Register) -> LastMap | None:
    """Return how the map of the latest recorded period did, or None if there is none, or nothing is flagged now.

    The map is the first one that the register knows as issued for this period. Without one, the forecast of the
    backtest is used, which was made from what was known at its cutoff.
    """
    now, recent = flagged_cells(audit), audit.forecast.recent
    if now is None:
        return None
    period, replay = recent.last_period, audit.audit_input.replay
    backtest_flags = audit.settings.context(audit.audit_input).flags[: len(replay.crime_types)]
    observed = np.asarray(replay.observed.values, dtype=float)
    found = _issued(audit, period, folder, register)
    if found is None:
        if period not in replay.periods:
            return None
        at = replay.periods.get_loc(period)
        source = "No map that was issued for it was found, so this is the forecast of the backtest for it"
        cells = replay.expected.indexes["cell"].astype(str)
        found = _Flags(cells, backtest_flags[:, :, at], replay.crime_types, source, issued=False)
    counts = _aligned(recent.last.values, audit.forecast.grid.cells, found.cells)
    own = [recent.last.indexes["crime_type"].get_loc(kind) for kind in found.kinds]
    counts = counts[own]
    shares = _shares(backtest_flags, observed)
    others = shares[replay.periods != period]
    names = audit.forecast.grid.cells.astype(str)
    before = _aligned((found.flagged > 0).max(axis=0)[None].astype(float), found.cells, names)[0] > 0
    after = now.cells.values[:, :, 0].max(axis=0)
    total = float(counts.sum())
    return LastMap(
        period=period,
        source=found.source,
        issued=found.issued,
        recorded=total,
        captured=float((found.flagged * counts).sum()) / total if total else float("nan"),
        usual=others[np.isfinite(others)],
        trend=pd.Series(shares, index=replay.periods).iloc[-_TREND:],
        new=after & ~before,
        gone=before & ~after,
        lasting=before & after,
    )


def _shares(flags: Floats, observed: Floats) -> Floats:
    """Return the share of the recorded events of all types in the flagged areas, for each period."""
    total = observed.sum(axis=(0, 1))
    return np.asarray(
        np.divide((flags * observed).sum(axis=(0, 1)), total, out=np.full(total.shape, np.nan), where=total > 0)
    )


def _aligned(values: Floats, cells: pd.Index, wanted: pd.Index) -> Floats:
    """Return values of cells in the order of other cells; 0 for cells that have none."""
    at = cells.astype(str).get_indexer(wanted.astype(str))
    return np.asarray(np.where(at >= 0, values[:, at], 0.0))


def _issued(audit: AuditResult, period: pd.Period, folder: Path, register: Register) -> _Flags | None:
    """Return the first map in the register that was issued for a period, from the run folders next to this one."""
    try:
        order = {line.decision: at for at, line in enumerate(register.verify().lines) if line.act == "decided"}
    except IlpError:
        return None
    known = [one for one in _decisions(folder) if one[1].seal in order]
    for run_folder, decision in sorted(known, key=lambda one: order[one[1].seal]):
        timing = decision.timing
        if timing is None or timing.starts != period.start_time or timing.ends != (period + 1).start_time:
            continue
        header = decision.report.header
        if header.get("rank_by") not in _RANKINGS or pd.Timestamp(decision.cutoff) > period.start_time:
            continue
        try:
            run = RunFolder.from_path(run_folder)
            run.check_forecast(decision)
        except IlpError:
            continue
        if not _same_place(run, audit):
            continue
        flagged = _flags_of_run(run, decision)
        if flagged is None:
            continue
        why = f", made as of {timing.as_of} for research" if timing.as_of else ""
        source = f"Map of decision {decision.short}, issued on {decision.issued:%-d %B %Y}{why}"
        return _Flags(run.places.cells.astype(str), flagged, decision.crime_types, source, issued=True)
    return None


def _flags_of_run(run: RunFolder, decision: Decision) -> Floats | None:
    """Return what the audited rule of a run covered, (types, cells); None where it needs residents."""
    header, expected = decision.report.header, np.asarray(run.forecast.expected.values[:, :, :1], dtype=float)
    if header["rule_settings"] is None:
        rule = FlaggingRule(
            shapely.area(run.places.geometry.to_numpy()), str(header["rank_by"]), str(header["share_of"])
        )
        return rule.flagged(expected, float(header["land_share"]))[0][:, :, 0]
    planned = audited_rule(header)
    if planned.group_dimensions:
        return None
    ranking = str(header["rank_by"]), header["harm"]
    planner = CellPlanner.from_grid(planned, grid_of(run.places), (), ranking, decision.crime_types)
    return np.broadcast_to(planner.covered(expected[:, :, 0], 0), expected.shape[:2])


def _decisions(folder: Path) -> Iterator[tuple[Path, Decision]]:
    """Yield the readable decisions of the run folders next to a folder."""
    for path in sorted(folder.absolute().parent.glob("*/decision.json")):
        if path.parent.is_symlink() or path.parent == folder.absolute():
            continue
        try:
            yield path.parent, Decision.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (IlpError, OSError, RecursionError, ValueError):
            continue


def _same_place(run: RunFolder, audit: AuditResult) -> bool:
    """Return whether a run is of the same cells and of crime types that are still forecast."""
    ours = audit.forecast.grid.cells.astype(str)
    shared = run.places.cells.astype(str).isin(ours).mean()
    kinds = set(map(str, run.forecast.expected.indexes["crime_type"]))
    today = set(map(str, audit.forecast.forecast.expected.indexes["crime_type"]))
    same_crs = run.places.geometry.crs is not None and run.places.geometry.crs.equals(audit.forecast.grid.crs)
    return bool(shared >= _SAME_CELLS and kinds <= today and same_crs)
