"""The task ``allocate``: give effort to the cells of an admitted forecast, and leave a product for each level."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilp_models.allocation.frontier import Frontier
from ilp_models.allocation.objective import Objective
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.export.allocated import allocation_table, write_allocation
from ilp_models.export.delimited import write_rows
from ilp_models.export.marking import Marking
from ilp_models.export.writers import FAILURES
from ilp_models.pipeline.allocation_record import entry, marking_of, plain, summary_lines
from ilp_models.pipeline.allocation_result import AllocationResult, CapChoice
from ilp_models.pipeline.briefings import LEVELS, write_products
from ilp_models.pipeline.outputs import write_json
from ilp_models.pipeline.overrides import cap_of, read_overrides
from ilp_models.pipeline.plan import PlanTask
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.report.plots import plot_frontier, save_figure


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    register: str,
    trusted: str | None,
    unit: str,
    groups: GroupTable,
    objective: Objective,
    allocation: Allocator,
    frontier: Frontier,
    chosen: Mapping[str, str | None],
    overrides: str | None,
    level: str,
    compute: Compute,
    config: Mapping[str, Any],
    folder: Path,
) -> str:
    """Return what was given to whom, having left a line in the register before any file."""
    if level not in (*LEVELS, "all"):
        msg = f"level={level} is unknown; choose one of {', '.join(LEVELS)}, all."
        raise InputError(msg)
    if not all(str(chosen.get(word) or "").strip() for word in ("who", "why")):
        msg = "An allocation needs who chose it and why; set chosen.who and chosen.why."
        raise InputError(msg)
    left = RunFolder.from_path(source)
    decision = left.permitted_decision(register, trusted)
    changes = read_overrides(overrides)
    task = PlanTask(left, decision, unit, groups, objective, allocation, frontier, compute)
    made = task.made(CapChoice(str(chosen["who"]), str(chosen["why"]), cap_of(allocation, frontier)), changes)
    marking = marking_of(made, config)
    with _staged(folder) as staging:
        files = _write(made, marking, level, config, staging)
        # all files are whole before the line is written, and none stands in the folder before the line does
        Register(Path(register)).append(entry(made, files, staging), left.asked_again(decision, trusted))
        for path in files:
            target = folder / path.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    return "\n".join([*summary_lines(made), f"Files: {folder}"])


def _staged(folder: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".allocation-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        msg = f"The allocation cannot be written to {folder} ({error.strerror}); choose another folder."
        raise StorageError(msg) from error


def _write(made: AllocationResult, marking: Marking, level: str, config: Mapping[str, Any], staging: str) -> list[Path]:
    """Return every file, written to a folder that nobody looks at yet."""
    place = Path(staging)
    try:
        files = write_allocation(allocation_table(made.allocation, made.left.places, marking), marking, place)
        if not made.frontier.empty:
            files += write_rows(made.frontier, marking.facts, place / "frontier.csv")
            files.append(
                save_figure(plot_frontier(made.frontier, made.choice.cap), place / "frontier.png", "Exposure caps")
            )
            files += write_rows(made.groups, marking.facts, place / "groups.csv")
        files += write_products(made, marking, LEVELS if level == "all" else (level,), place)
        files.append(write_json(place / "allocation.json", plain(made, marking, config, files)))
    except FAILURES as error:
        msg = f"The allocation was not written ({error}); free space there or choose another folder: output=..."
        raise StorageError(msg) from error
    return files
