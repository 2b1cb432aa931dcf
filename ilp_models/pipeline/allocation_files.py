"""Write the files of an allocation: effort, groups, caps, briefings and `allocation.json`, recorded in the register."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.digest import file_digest
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.text_output import check_decimal
from ilp_models.export.allocation import allocation_marking, allocation_table, write_allocation
from ilp_models.export.csv_tables import write_rows
from ilp_models.export.marking import Marking, mark
from ilp_models.export.writers import WRITE_ERRORS
from ilp_models.pipeline.allocation_result import AllocationResult
from ilp_models.pipeline.briefings import AUDIENCES, write_briefings
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.outputs import plain_rows, write_json
from ilp_models.pipeline.registration import user
from ilp_models.pipeline.small_counts import check_min_count
from ilp_models.pipeline.terminal_text import ground_lines
from ilp_models.report.plots import plot_frontier, save_figure
from ilp_models.stats.suppression import MIN_COUNT

_STAGING: Final = ".allocation-"


def check_audience(audience: str) -> None:
    """Raise InputError unless an audience is known."""
    if audience not in (*AUDIENCES, "all"):
        msg = f"audience={audience} is unknown. Use one of {', '.join(AUDIENCES)}, all."
        raise InputError(msg)


def write_allocation_files(  # noqa: PLR0913 - who reads the files, and how they are written
    result: AllocationResult,
    audience: str,
    register: Register,
    trusted_keys: str | None,
    folder: Path,
    *,
    min_count: int = MIN_COUNT,
    decimal: str = "point",
) -> list[Path]:
    """Write every file of an allocation and return them; products for the public show no count below ``min_count``.

    The line in the register comes first: a program that is killed must not leave a file without a line, not even in
    the staging folder. All files are complete before the first of them is moved to its place.
    """
    check_audience(audience)
    check_min_count(min_count)
    check_decimal(decimal, "decimal")
    marking = replace(marking_of(result), decimal=decimal)
    with _staging_folder(folder) as staging:
        entry = register_entry(result, audience, folder)
        register.append(entry, result.run.recheck(result.decision, trusted_keys))
        files = _write_to(Path(staging), result, marking, audience, min_count)
        targets = [folder / path.relative_to(staging) for path in files]
        for path, target in zip(files, targets, strict=True):
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    return targets


def _staging_folder(folder: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f"{_STAGING}*"):  # of a program that was killed
            shutil.rmtree(stale, ignore_errors=True)
        return tempfile.TemporaryDirectory(prefix=_STAGING, dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        msg = f"The allocation cannot be written to {folder} ({error.strerror}). Choose another folder."
        raise StorageError(msg) from error


def _write_to(folder: Path, result: AllocationResult, marking: Marking, audience: str, min_count: int) -> list[Path]:
    try:
        table = allocation_table(result.allocation, result.run.places, marking)
        files = write_allocation(table, marking, folder)
        if not result.frontier.empty:
            files += write_rows(result.frontier, marking, folder / "frontier.csv")
            figure = plot_frontier(result.frontier, result.choice.selected)
            files.append(save_figure(figure, folder / "frontier.png", "Exposure caps"))
            files += write_rows(result.groups, marking, folder / "groups.csv")
        if not result.harm.empty:
            files += write_rows(result.harm, marking, folder / "harm.csv")
        audiences = AUDIENCES if audience == "all" else (audience,)
        files += write_briefings(result, marking, audiences, min_count, folder)
        files.append(write_json(folder / "allocation.json", allocation_content(result, marking, files)))
    except WRITE_ERRORS as error:
        msg = (
            f"The allocation is in the register, and its files were not written ({error}). Free space there and run "
            "the command again, or choose another folder: output=..."
        )
        raise StorageError(msg) from error
    return files


def marking_of(result: AllocationResult) -> Marking:
    """Return the marking of an allocation's files, after checking the decision once more."""
    marking = mark(result.run.forecast, result.run.provenance, result.decision, "allocation", now())
    choice = result.choice
    more = {
        "chosen_by": choice.chosen_by,
        "chosen_why": choice.reason,
        "by_hand": result.by_hand.text,
        "exposure_cap": "none" if np.isinf(choice.cap) else f"{choice.cap:g}",
        "seed": result.settings["allocation"].get("seed", "none"),
    }
    return allocation_marking(marking, result.allocation, more)


def allocation_content(result: AllocationResult, marking: Marking, files: list[Path]) -> dict[str, Any]:
    """Return the content of `allocation.json`."""
    allocation, choice = result.allocation, result.choice
    whole = float(result.expected.sum())
    return {
        "decision": result.decision.seal,
        "grounds": ground_lines(result.decision),
        "forecast": result.decision.forecast,
        "settings": dict(result.settings),
        "allocator": allocation.allocator,
        "objective": allocation.objective,
        "budget": {"amount": allocation.budget, "unit": allocation.unit},
        "periods": [str(period) for period in allocation.periods],
        "spent": allocation.spent.tolist(),
        "gap": result.gap.tolist(),
        "expected_events_covered": result.covered_events,
        "coverage": result.covered_events / whole if whole else None,
        "harm": plain_rows(result.harm),
        "chosen": {
            "who": choice.chosen_by,
            "why": choice.reason,
            "exposure_cap": None if np.isinf(choice.cap) else choice.cap,
        },
        "overrides": [vars(one) for one in allocation.overrides],
        "by_hand": by_hand_content(result),
        "groups": plain_rows(result.groups),
        "frontier": plain_rows(result.frontier),
        "files": {file.name: file_digest(file) for file in files},
        "facts": dict(marking.facts),
    }


def by_hand_content(result: AllocationResult) -> dict[str, Any]:
    """Return the share of the effort that was set by hand, its limit, and the audited limits that are not met."""
    effect = result.by_hand
    return {"share": effect.share, "limit": effect.most, "warnings": list(effect.warnings)}


def register_entry(result: AllocationResult, audience: str, folder: Path) -> RegisterEntry:
    """Return the line of the register on an allocation."""
    with_effort = result.allocation.effort.values.sum(axis=1) > 0
    content = {
        "forecast": result.decision.forecast,
        "allocator": result.allocation.allocator,
        "objective": result.allocation.objective,
        "budget": f"{result.allocation.budget:g} {result.allocation.unit}",
        "periods": [str(period) for period in result.allocation.periods],
        "cells": int(with_effort.sum()),
        "areas": sorted(set(result.areas[with_effort])),
        "chosen_by": result.choice.chosen_by,
        "chosen_why": result.choice.reason,
        "overrides": [vars(one) for one in result.allocation.overrides],
        "by_hand": by_hand_content(result),
        "audience": audience,
        "folder": str(folder.absolute()),
    }
    return RegisterEntry("allocated", user(), result.decision.seal, now(), content)


def summary_lines(result: AllocationResult) -> list[str]:
    """Return the summary of an allocation for the terminal."""
    allocation, whole, covered = result.allocation, float(result.expected.sum()), result.covered_events
    with_effort = allocation.effort.values > 0
    harm_rows = [] if result.harm.empty else result.harm_ranges.to_dict("records")
    lines = [
        f"Allocated by {allocation.allocator}, {allocation.objective}, on decision {result.decision.short}:",
        f"  {allocation.spent.max():g} of {allocation.budget:g} {allocation.unit} in a period, "
        f"{int(with_effort.any(axis=1).sum())} of {len(with_effort)} cells, "
        f"{covered:.3g} of {whole:.3g} expected events covered ({covered / whole if whole else 0:.1%})",
        f"  chosen by {result.choice.chosen_by}: {result.choice.reason}",
        *(f"  {row['counted']}: {row['covered']} covered" for row in harm_rows),
        *(f"  {line}" for line in result.by_hand.lines if allocation.overrides),
        *([f"  up to {result.gap.max():.2%} below the best allocation"] if result.gap.max() > 5e-5 else []),
    ]
    for row in result.groups.to_dict("records"):
        lines.append(
            f"  {row['dimension']}/{row['group']}: exposure ratio {row['exposure_ratio']:.2f}, need-adjusted ratio "
            f"{row['need_adjusted_ratio']:.2f}, coverage {row['coverage']:.1%}"
        )
    for row in result.frontier.drop_duplicates("cap").to_dict("records"):
        cap = "no cap" if np.isinf(row["cap"]) else f"cap {row['cap']:g}"
        compared = f"{row['of_uncapped']:.1%} of what is covered without a cap"
        lines.append(f"  {cap}: {row['note'] or compared}")
    lines += [f"  {ground}" for ground in ground_lines(result.decision)]
    if result.groups.empty:
        lines.append("  No group was audited: exposure and coverage of groups are unknown, and no cap was evaluated.")
    return lines
