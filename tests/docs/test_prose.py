"""Plain English: few banned words, no sentence of more than 30 words, 20 on average. Lower a ceiling when you can."""

import ast

import pytest
from prose import (
    MAX_WORDS,
    ROOT,
    banned_lines,
    docstring_sentences,
    message_sentences,
    page_sentences,
    sentences,
    tracked_files,
    words,
)

FILES = tracked_files()
PAGES = [path for path in FILES if path.suffix == ".md"]
TREES = [
    ast.parse(path.read_text(encoding="utf-8"))
    for path in FILES
    if path.suffix == ".py" and ROOT / "ilp_models" in path.parents
]
BANNED_CEILINGS: dict[str, int] = {}  # lines with a banned word; a folder that is not listed has none
LONG_CEILINGS = {  # sentences of more than 30 words
    "docs": 3,
    "docstrings": 8,
    "error messages": 0,
}
pytestmark = pytest.mark.skipif(not FILES, reason="not a git checkout: there is no list of committed files")


def top(path):
    return path.relative_to(ROOT).parts[0]


def prose_of(place):
    """Return the sentences of a top-level folder's pages, of all docstrings, or of all error messages."""
    if place == "docstrings":
        return [sentence for tree in TREES for sentence in docstring_sentences(tree)]
    if place == "error messages":
        return [sentence for tree in TREES for sentence in message_sentences(tree)]
    return [sentence for page in PAGES if top(page) == place for sentence in page_sentences(page)]


@pytest.mark.parametrize("place", sorted({top(path) for path in FILES}))
def test_banned_words(place):
    hits = [
        f"{path.relative_to(ROOT)}:{number}: {line[:100]} (write: {advice})"
        for path in FILES
        if top(path) == place
        for number, line, advice in banned_lines(path)
    ]
    lines = {hit.split(": ")[0] for hit in hits}
    assert len(lines) <= BANNED_CEILINGS.get(place, 0), "\n".join(hits)


@pytest.mark.parametrize("place", sorted({top(page) for page in PAGES} | {"docstrings", "error messages"}))
def test_sentences_are_short(place):
    prose = prose_of(place)
    lengths = [words(sentence) for sentence in prose]
    too_long = [sentence for sentence, length in zip(prose, lengths, strict=True) if length > MAX_WORDS]
    assert len(too_long) <= LONG_CEILINGS.get(place, 0), "\n".join(too_long)
    assert sum(lengths) <= 20 * len(lengths)


def test_sentences_are_counted_as_a_reader_would():
    text = "Run `ilp weekly grid=squares` first. See [the long guide](x.md), e.g. its table: 3 rows. Then stop."
    assert [words(sentence) for sentence in sentences(text)] == [3, 8, 2]
