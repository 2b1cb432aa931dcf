"""What a result was made from: settings, data and code, and the fingerprint of all three."""

import ast
import hashlib
import inspect
import io
import json
import sys
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from pkgutil import resolve_name
from platform import python_version
from typing import Any, Final

_SCIENCE: Final = ("domain", "stats", "data", "grid", "features", "model", "backtest")
_DECIDES: Final = ("domain", "stats", "explain", "audit", "allocation", "pipeline")
_DECIDING_LIBRARIES: Final = ("fairlearn", "lightgbm", "numpy", "pandas", "scikit-learn", "scipy", "shap")
_LIBRARIES: Final = (
    "hierarchicalforecast",
    "holidays",
    "interpret-core",
    "lightgbm",
    "numpy",
    "pandas",
    "scikit-learn",
    "scipy",
    "shapely",
    "statsmodels",
)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the numbers, and nothing that does not.

    Parameters
    ----------
    config : mapping
        Resolved scientific settings (data, calendar, grid, model, backtest); plain JSON values.
    data : str
        Digest of the events.
    code : str
        Digest of the code that turns events into forecasts; see :func:`code_digest`.
    """

    config: Mapping[str, Any]
    data: str
    code: str

    @property
    def fingerprint(self) -> str:
        """The first 16 hexadecimal digits of a SHA-256 over all three; the key of caches and approvals."""
        text = json.dumps([self.config, self.data, self.code], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def code_digest() -> str:
    """Return the SHA-256 of the code that turns events into forecasts, and of the versions of its libraries.

    Docstrings, comments and blank lines do not count, so that better prose invalidates no stored forecast.
    """
    return _digest_of(_SCIENCE, _LIBRARIES)


@cache
def decision_digest() -> str:
    """Return the SHA-256 of the code that explains, audits, allocates and decides, and of its libraries' versions."""
    return _digest_of(_DECIDES, _DECIDING_LIBRARIES)


def _digest_of(folders: Sequence[str], libraries: Sequence[str]) -> str:
    root = Path(__file__).resolve().parent.parent
    known = hashlib.sha256()
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")):
            known.update(path.relative_to(root).as_posix().encode())
            known.update(code_only(path.read_text(encoding="utf-8")).encode())
    for name in libraries:
        known.update(f"{name}=={version(name)}".encode())
    return known.hexdigest()


def code_only(source: str) -> str:
    """Return Python source without docstrings, comments, blank lines and spaces at the ends of lines.

    They are cut out by position, since `ast.dump` differs between versions of Python.
    """
    lines, tokens = source.splitlines(), list(tokenize.generate_tokens(io.StringIO(source).readline))
    inside = _string_lines(tokens)  # blank lines and spaces there are content
    # positions count bytes of UTF-8 in a tree and characters in tokens
    cuts = [
        (row, len(lines[row - 1][:at].encode()), row, len(lines[row - 1].encode())) for row, at in _comments(tokens)
    ]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            cuts.extend(_docstring(node))
    for first, start, last, end in sorted(cuts, reverse=True):
        joined = lines[first - 1].encode()[:start] + lines[last - 1].encode()[end:]
        lines[first - 1 : last] = [joined.decode(), *[""] * (last - first)]
        inside -= set(range(first, last))
    kept = (line if row in inside else line.rstrip() for row, line in enumerate(lines, 1))
    ends = {row + 1 for row in inside}
    return "\n".join(line for row, line in enumerate(kept, 1) if line or row in inside or row in ends)


def _comments(tokens: Sequence[tokenize.TokenInfo]) -> Iterator[tuple[int, int]]:
    return (token.start for token in tokens if token.type == tokenize.COMMENT)


def _string_lines(tokens: Sequence[tokenize.TokenInfo]) -> set[int]:
    """Return the lines on which a string goes on to the next line; f-strings are several tokens since Python 3.12."""
    opening, closing = getattr(tokenize, "FSTRING_START", None), getattr(tokenize, "FSTRING_END", None)
    rows: set[int] = set()
    open_rows: list[int] = []
    for token in tokens:
        if token.type == tokenize.STRING:
            rows |= set(range(token.start[0], token.end[0]))
        elif token.type == opening:
            open_rows.append(token.start[0])
        elif token.type == closing:
            rows |= set(range(open_rows.pop(), token.end[0]))
    return rows


def _docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> Iterator[tuple[int, int, int, int]]:
    """Yield where the docstring of a node begins and ends, if it has one."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        yield first.lineno, first.col_offset, first.end_lineno or first.lineno, first.end_col_offset or 0


def borrowed_code(settings: Any) -> dict[str, str]:
    """Return versions or digests of the code outside this package that settings build things from."""
    known = {}
    for target in sorted(set(_targets(settings))):
        package = target.partition(".")[0]
        if package == __name__.partition(".")[0]:
            continue  # see code_digest
        if package in sys.stdlib_module_names:
            known["python"] = python_version()
        elif package in _distributions():
            known[package] = ", ".join(f"{name}=={version(name)}" for name in sorted(set(_distributions()[package])))
        else:
            source = Path(inspect.getfile(resolve_name(target)))
            known[target] = hashlib.sha256(source.read_bytes()).hexdigest()
    return known


def _targets(settings: Any) -> Iterator[str]:
    if isinstance(settings, Mapping):
        if "_target_" in settings:
            yield str(settings["_target_"])
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for one in settings:
            yield from _targets(one)


@cache
def _distributions() -> Mapping[str, list[str]]:
    return packages_distributions()
