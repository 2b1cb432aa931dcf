"""Show a noun as a small HTML table in notebooks."""

from collections.abc import Mapping
from html import escape


def html_summary(title: str, facts: Mapping[str, object]) -> str:
    """Return an HTML table of names and values under a title; all text is escaped."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>' for name, value in facts.items()
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{rows}</tbody></table>"
