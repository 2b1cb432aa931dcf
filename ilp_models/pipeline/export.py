"""The task `export`: write the grid of an earlier run in other formats or under another grade."""

from collections.abc import Sequence
from pathlib import Path

from ilp_models.audit.register.register import Register
from ilp_models.domain.decision import Decision
from ilp_models.domain.errors import WithheldError
from ilp_models.export.atrs import read_statements, write_atrs
from ilp_models.export.marking import Marking
from ilp_models.export.rocrate import write_crate
from ilp_models.export.writers import DOCUMENTS, Export, graded_file_names
from ilp_models.pipeline.clock import now
from ilp_models.pipeline.export_documents import run_facts
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
    statements: str | None = None,
    decimal: str = "point",
    folder: Path,
) -> str:
    """Write the files under names that show their grade, and return where they are."""
    documents = [form for form in formats if form in DOCUMENTS]
    grids = tuple(form for form in formats if form not in DOCUMENTS)
    if documents and not grids:
        grids = ("parquet",)  # a document describes at least the forecast
    export, earlier = Export(grids, grade, decimal), RunFolder.from_path(source)
    stated = read_statements(statements)
    names, allocation = graded_file_names(export.grade), grade == "allocation"
    book = Register(Path(register), last)
    if allocation:
        decision = earlier.permitted_decision(book, trusted_keys)
        written = [names[form] for form in (*export.formats, *documents)]
        entry = export_entry(earlier.forecast, earlier.places.area, decision, written)
        book.append(entry, earlier.recheck(decision, trusted_keys))
    quoted = decision if allocation else _valid_decision(earlier)
    counts: list[str] = []

    def describe(marking: Marking, into: Path) -> None:
        facts = run_facts(earlier, marking, quoted, stated)
        if "atrs" in documents:
            record = write_atrs(facts, into / names["atrs"])
            counts.append(f"Transparency record: {record.count} required fields are filled.")
            counts.extend(f"  missing: {name}; state it with {where}" for name, where in record.missing.items())
        if "rocrate" in documents:
            write_crate(facts, into, now())

    files = export.write(earlier.forecast, earlier.places, earlier.provenance, quoted, folder, names, describe=describe)
    grounds = [*ground_lines(decision), last_line(book)] if allocation else []
    return "\n".join([f"Exported as {export.grade}:", *(f"  {file}" for file in files), *counts, *grounds])


def _valid_decision(earlier: RunFolder) -> Decision | None:
    """Return the decision to quote in files for research, or None where there is no valid one."""
    try:
        return earlier.decision()
    except WithheldError:
        return None
