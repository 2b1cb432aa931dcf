"""Prose of the repository: sentences of pages, docstrings and messages, and lines with banned words."""

import ast
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = (".py", ".md", ".yaml", ".yml", ".j2", ".toml")
MAX_WORDS = 30
_RULES = [
    line.split(" -> ")
    for line in (Path(__file__).parent / "banned_words.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
BANNED = [(re.compile(pattern, re.IGNORECASE), advice) for pattern, advice in _RULES]
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!-- table:.*?<!-- end -->|<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"``[^`]+``|`[^`]+`")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_SENTENCE_END = re.compile(r"(?<=[.!?])[)*\"']*\s+(?=[A-Z\"'(*\[0-9]|X\b)")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|vs|cf|et al|etc|approx|No|Fig|Eq)\.")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
_UNDERLINE = re.compile(r"^\s*[-=~]{3,}[-=~ ]*$")


def tracked_files():
    """Return the committed text files, lock files excluded."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    names = done.stdout.split("\0") if done.returncode == 0 else []
    return [ROOT / name for name in names if name.endswith(SUFFIXES) and not name.startswith("lock/")]


def banned_lines(path):
    """Return the lines with a banned word: number, text and what to write."""
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    return [(number, line.strip(), advice) for number, line in lines for found, advice in BANNED if found.search(line)]


def sentences(paragraph):
    """Split a paragraph into sentences; a piece of code counts as one word."""
    text = _ABBREVIATION.sub("abbr", _LINK.sub(r"\1", _CODE.sub("X", paragraph)))
    return [part for part in _SENTENCE_END.split(" ".join(text.split())) if part]


def words(sentence):
    """Count the words of a sentence; numbers and signs alone are none."""
    return sum(any(letter.isalpha() for letter in word) for word in sentence.split())


def page_sentences(path):
    """Return the sentences of a Markdown page, without code, tables, headings and generated parts."""
    text = _FENCE.sub("\n\n", _COMMENT.sub("\n\n", path.read_text(encoding="utf-8")))
    return _sentences_of(line for line in text.splitlines() if not line.lstrip().startswith(("|", "#", ">>>")))


def docstring_sentences(tree):
    """Return the sentences of all docstrings of a syntax tree."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    texts = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds)]
    return [sentence for text in texts for sentence in _docstring(text)]


def message_sentences(tree):
    """Return the sentences of error messages: texts that are raised, or assigned to ``msg`` first."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    nodes += [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(getattr(aim, "id", "") in ("msg", "message") for aim in node.targets)
    ]
    texts = [_text(part) for node in nodes for part in _outermost_texts(node)]
    return [sentence for text in texts for sentence in sentences(text)]


def _outermost_texts(node):
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr) or (isinstance(child, ast.Constant) and isinstance(child.value, str)):
            yield child
        else:
            yield from _outermost_texts(child)


def _text(node):
    if isinstance(node, ast.Constant):
        return node.value
    return "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)


def _docstring(text):
    lines = text.splitlines()
    heads = {number - 1 for number, line in enumerate(lines) if _UNDERLINE.match(line)}
    shown, example = [], False
    for number, line in enumerate(lines):
        example = (line.lstrip().startswith(">>>") or example) and bool(line.strip())
        plain = not example and number not in heads and not _UNDERLINE.match(line)
        is_field = plain and re.match(r"^\w[\w, *]* : ", line)
        shown.append(line if plain and not is_field else "")
    return _sentences_of(_split_indents(shown))


def _split_indents(lines):
    before = 0
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and indent != before:
            yield ""
        before = indent if line.strip() else before
        yield line


def _sentences_of(lines):
    paragraphs = [[]]
    for line in lines:
        if not line.strip() or _ITEM.match(line):
            paragraphs.append([])
        if line.strip() and not line.startswith("    "):
            paragraphs[-1].append(_ITEM.sub("", line))
        elif line.strip():
            paragraphs[-1].append(line.strip())
    return [sentence for paragraph in paragraphs for sentence in sentences(" ".join(paragraph))]
