"""The task `export`: write the grid of an earlier run in other formats or under another grade."""

from collections.abc import Sequence
from pathlib import Path

from ilp_models.audit.register.register import Register
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.export.writers import Export, graded_file_names
from ilp_models.pipeline.registration import export_entry, last_line
from ilp_models.pipeline.run_folder import RunFolder
from ilp_models.pipeline.terminal_text import ground_lines


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    source: str,
    grade: str,
    register: str,
    last: str | None = None,
    trusted_keys: str | None,
    formats: Sequence[str],
    decimal: str = "point",
    folder: Path,
) -> str:
    """Write the files under names that show their grade, and return where they are."""
    export, earlier = Export(tuple(formats), grade, decimal), RunFolder.from_path(source)
    names, allocation = graded_file_names(export.grade), grade == "allocation"
    book = Register(Path(register), last)
    if allocation:
        decision = earlier.permitted_decision(book, trusted_keys)
        entry = export_entry(earlier.forecast, earlier.places.area, decision, [names[form] for form in export.formats])
        book.append(entry, earlier.recheck(decision, trusted_keys))
    quoted = decision if allocation else _valid_decision(earlier)
    files = export.write(earlier.forecast, earlier.places, earlier.provenance, quoted, folder, names)
    grounds = [*ground_lines(decision), last_line(book)] if allocation else []
    return "\n".join([f"Exported as {export.grade}:", *(f"  {file}" for file in files), *grounds])


def _valid_decision(earlier: RunFolder) -> Decision | None:
    """Return the decision to quote in files for research, or None where there is no valid one."""
    try:
        return earlier.decision()
    except WithheldError:
        return None
