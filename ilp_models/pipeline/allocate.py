"""The task `allocate`: allocate patrol effort from an approved forecast and write one briefing per audience."""

import shlex
from pathlib import Path

from ilp_models.allocation.frontier import Frontier
from ilp_models.allocation.objective import Objective
from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.register import Register
from ilp_models.domain.allocation import Allocator
from ilp_models.domain.compute import Compute
from ilp_models.domain.text_output import check_decimal
from ilp_models.pipeline.allocation_files import check_audience, summary_lines, write_allocation_files
from ilp_models.pipeline.plan import allocate_effort
from ilp_models.pipeline.registration import last_line
from ilp_models.pipeline.small_counts import check_min_count
from ilp_models.pipeline.terminal_summary import with_summary
from ilp_models.pipeline.terminal_text import as_text


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    register: str,
    last: str | None = None,
    trusted_keys: str | None,
    rank_by: str | None,
    groups: GroupTable,
    objective: Objective,
    allocation: Allocator | None = None,
    frontier: Frontier,
    chosen_by: str | None,
    reason: str | None,
    overrides: str | None,
    max_override_share: float,
    audience: str,
    min_count: int,
    decimal: str = "point",
    compute: Compute,
    folder: Path,
) -> str:
    """Write the files of an allocation, recorded in the register, and return its summary."""
    check_audience(audience)
    check_min_count(min_count)
    check_decimal(decimal, "decimal")
    book = Register(Path(register), last)
    result = allocate_effort(
        source,
        chosen_by=as_text(chosen_by),
        reason=as_text(reason),
        rule=allocation,
        rank_by=rank_by,
        groups=groups,
        objective=objective,
        frontier=frontier,
        overrides=overrides,
        max_override_share=max_override_share,
        register=book,
        trusted_keys=trusted_keys,
        compute=compute,
    )
    write_allocation_files(result, audience, book, trusted_keys, folder, min_count=min_count, decimal=decimal)
    lines = summary_lines(result)
    where = [f"Files: {folder}", last_line(book)]
    step = f"Next: ilp monitor {shlex.quote(f'source={source}')}, when the records of a new period are complete"
    return with_summary(lines, lines, where, [step])
