"""The README of a rival's kit."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def kit_readme(**facts: Any) -> str:
    """Return the README in Markdown; a missing fact is an error."""
    pages = Environment(
        loader=PackageLoader("ilp_models.report"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown, which no browser opens
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return pages.get_template("rival_kit.md.j2").render(**facts)
