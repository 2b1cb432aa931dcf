"""The pages of the documentation, with their links, commands and code blocks."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "experiments").rglob("*.md"))
)
_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4}(?P<line>ilp .*)$", re.MULTILINE)
_INLINE = re.compile(r"`((?:ilp|python3 tasks\.py) [^`\n]*)`")
_COMMAND = re.compile(r"(?:ilp|python3 tasks\.py)\b")
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")


def blocks(page, language):
    """Return the code blocks of a language."""
    return [
        found["text"] for found in _BLOCK.finditer(page.read_text(encoding="utf-8")) if found["language"] == language
    ]


def links(page):
    """Return the targets of links outside code blocks."""
    return [found["target"] for found in _LINK.finditer(_BLOCK.sub("", page.read_text(encoding="utf-8")))]


def commands(page):
    """Return the commands of a page as lists of words, including inline commands."""
    text = page.read_text(encoding="utf-8")
    lines = [
        line for block in (*blocks(page, ""), *blocks(page, "bash")) for line in block.replace("\\\n", " ").splitlines()
    ]
    lines += [found["line"] for found in _INDENTED.finditer(text)]
    lines += _INLINE.findall(_BLOCK.sub("", text))
    split = [shlex.split(line.partition(" | ")[0], comments=True) for line in lines if _COMMAND.match(line)]
    return [words for words in split if not any(mark in word for word in words for mark in "<>…")]


def ilp_arguments(words):
    """Return the arguments of ``ilp`` in a command, or None for another task of ``tasks.py``."""
    if words[0] == "ilp":
        return tuple(words[1:])
    return {"weekly": tuple(words[2:]), "ilp": tuple(words[3:])}.get(words[2])


def titles(page):
    """Return the anchors of a page's headings."""
    found = re.findall(r"^#+ (.*)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}
