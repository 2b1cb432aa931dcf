"""Write a report for decision makers: a page and a document of each length, and the readiness checklist."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from ilp_models.domain.brief import LENGTHS, Brief, check_length
from ilp_models.domain.text_output import write_table
from ilp_models.export.brief_document import write_document
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.outputs import write_json
from ilp_models.report.brief_page import write_brief_page, write_readiness_page

ALL_LENGTHS: Final = "all"
READINESS: Final = "readiness.csv"
RECORD: Final = "brief.json"


def write_brief(brief: Brief, folder: str | Path, *, length: str = ALL_LENGTHS) -> list[Path]:
    """Write a report as HTML and DOCX, and the readiness checklist; all files or none.

    Print the page of a browser to get a PDF. A report with judgements about groups can be read by its owner only.

    Parameters
    ----------
    brief : Brief
        The result of :func:`compile_brief`.
    folder : str or Path
        Created if it does not exist.
    length : {"all", "policy", "management", "full"}, default "all"
        Two pages, five pages, or everything.

    Returns
    -------
    list of Path
        The files: ``policy.html``, ``policy.docx``, and the same of each other length, ``readiness.html``,
        ``readiness.csv`` and ``brief.json``.

    Raises
    ------
    InputError
        If the length is unknown.
    StorageError
        If a file cannot be written.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=60).read()
    >>> description = ilp.describe_events(events, ilp.SquareGrid(1000), parts=[ilp.Concentration()])
    >>> page = ilp.write_description(description, folder / "runs" / "describe" / "first")
    >>> brief = ilp.compile_brief(folder / "runs", register=folder / "runs" / "register.jsonl")
    >>> [file.name for file in ilp.write_brief(brief, folder / "report", length="policy")]
    ['policy.html', 'policy.docx', 'readiness.html', 'readiness.csv', 'brief.json']
    """
    if length != ALL_LENGTHS:
        check_length(length)
    writers: dict[str, Callable[[Path], object]] = {}
    for name in LENGTHS if length == ALL_LENGTHS else (length,):
        short = brief.shorten(name)
        writers[f"{name}.html"] = partial(write_brief_page, short)
        writers[f"{name}.docx"] = partial(write_document, short)
    writers["readiness.html"] = partial(write_readiness_page, brief)
    writers[READINESS] = partial(write_table, brief.readiness.to_fill())
    writers[RECORD] = lambda path: write_json(path, brief.to_dict())
    return write_all_or_none(Path(folder), writers, "The report", owner_only=brief.restricted)
