"""The task `brief`: compile what runs found into a report for decision makers, and the readiness checklist."""

from collections.abc import Sequence
from pathlib import Path

from ilp_models.audit.register.register import Register
from ilp_models.domain.brief import check_length
from ilp_models.pipeline.atomic_files import keep_private
from ilp_models.pipeline.brief_files import ALL_LENGTHS, READINESS, write_brief
from ilp_models.pipeline.brief_report import compile_brief


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    runs: str,
    describe: str | None,
    assessment: str | None,
    totals: str | None,
    weekly: str | None,
    allocate: str | None,
    monitoring: str | None,
    trial: str | None,
    groups: str | None,
    recipients: Sequence[str],
    leave_out: Sequence[str],
    readiness: str | None,
    length: str,
    register: str,
    last: str | None,
    trusted_keys: str | None,
    folder: Path,
) -> str:
    """Write the report in the chosen lengths, and the checklist; return the key judgements."""
    if groups is not None:
        keep_private(folder)
    if length != ALL_LENGTHS:
        check_length(length)
    brief = compile_brief(
        runs,
        describe=describe,
        assessment=assessment,
        totals=totals,
        weekly=weekly,
        allocate=allocate,
        monitoring=monitoring,
        trial=trial,
        groups=groups,
        recipients=recipients,
        leave_out=leave_out,
        readiness=readiness,
        register=Register(Path(register), last),
        trusted_keys=trusted_keys,
    )
    files = write_brief(brief, folder, length=length)
    names = ", ".join(path.name for path in files)
    checklist = folder / READINESS
    fill = f"fill in {checklist}, then ilp brief readiness={checklist}"
    step = f"Next: {'read the report' if brief.readiness.complete else fill}"
    return "\n".join([repr(brief), "", f"Files: {names} in {folder}", step])
