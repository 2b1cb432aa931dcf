"""Drafts in Markdown and JSON whose fields that only a person can fill are marked and counted."""

import json
import re
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from ilp_models.domain.errors import StorageError
from ilp_models.report.formatting import number, percent
from ilp_models.report.page import write_whole

OPEN: Final = "TO BE FILLED BY A PERSON"
_MARKED: Final = re.compile(rf"(?<!\\)\[{OPEN}: [^\]]*\]")
_MARKUP: Final = re.compile(r"([\\`*_\[\]|~$])")
_HTML: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_STARTS: Final = ((re.compile(r"^([-+=#])"), r"\\\1"), (re.compile(r"^(\d+)(?=[.)](?:\s|$))"), r"\1\\"))


class Markdown(str):
    """Text that is Markdown already and is not escaped again."""

    __slots__ = ()


def person(what: str) -> Markdown:
    """Return the mark of a field that only a person can fill."""
    return Markdown(f"[{OPEN}: {what}]")


def plain(value: object) -> str:
    r"""Return a value as Markdown text that shows as it stands, on one line."""
    if isinstance(value, Markdown):
        return value
    line = " ".join("".join(one if one.isprintable() else " " for one in str(value)).split())
    line = _MARKUP.sub(r"\\\1", line)
    for mark, entity in _HTML.items():
        line = line.replace(mark, entity)
    for start, harmless in _STARTS:
        line = start.sub(harmless, line)
    return line


def count_open(text: str) -> int:
    """Return how many fields of a draft only a person can fill."""
    return len(_MARKED.findall(text))


def open_fields(path: Path) -> int:
    """Return how many fields of a draft in a file only a person can fill."""
    try:
        return count_open(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The draft {path} cannot be read ({error}); run the audit again."
        raise StorageError(msg) from error


def write_draft(path: Path, template: str, **values: Any) -> Path:
    """Return the path of a draft in Markdown."""
    pages = Environment(  # noqa: S701 - Markdown: what is shown goes through ``plain``, not through HTML escapes
        loader=PackageLoader("ilp_models.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=plain,
    )
    pages.filters.update(number=number, percent=percent, md=Markdown)
    pages.globals.update(person=person, given=given)
    page = pages.get_template(template)
    text = page.render(open=count_open(page.render(open=0, **values)), **values)
    return write_whole(path, re.sub(r"\n{3,}", "\n\n", text))


def given(value: object, what: str) -> object:
    """Return a value, or the mark of a field that a person must fill where it is empty."""
    return value if value is not None and str(value).strip() else person(what)


def write_json_draft(path: Path, content: dict[str, Any]) -> Path:
    """Return the path of a draft in JSON, with ``open_fields`` counted into it."""
    fields = count_open(json.dumps(content, ensure_ascii=False))
    return write_whole(path, json.dumps({"open_fields": fields} | content, indent=2, ensure_ascii=False) + "\n")
