"""Build the documentation site: ``python3 tasks.py docs [--no-gallery]``.

The pages are copied to ``build/site-source`` in the layout of the repository: a relative link works on GitHub and in
the site. The API reference is generated from ``ilp_models.__all__``. Sphinx then writes ``build/site``.
"""

import argparse
import inspect
import re
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

from sphinx.cmd.build import main as sphinx

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "build" / "site-source"
SITE = ROOT / "build" / "site"
GALLERY = sorted((ROOT / "docs" / "gallery").glob("plot_*.py"))
SCRIPTS = "gallery-scripts"  # the folder that docs/conf.py names
LINK = re.compile(r"\]\((?P<target>[^)\s#]+)(?:#[^)\s]*)?\)")
REDIRECT = """<!doctype html>
<meta charset="utf-8"><title>ilp_models</title><meta http-equiv="refresh" content="0; url=docs/index.html">
"""
NAVIGATION = {  # the sidebar; a page of docs/ that is not listed appears under "How-to guides"
    "Start": ["README", "docs/tutorial", "docs/workflow", "notebooks/*"],
    "How-to guides": [
        *("docs/data", "docs/crime_types", "docs/simulated", "docs/grids", "docs/features", "docs/models"),
        *(
            "docs/backtests",
            "docs/tuning",
            "docs/comparison",
            "docs/scores",
            "docs/groups",
            "docs/audit",
            "docs/audit-report",
            "docs/decision",
        ),
        *("docs/allocation", "docs/monitoring", "docs/exports", "docs/configuration"),
    ],
    "Description of past crime": ["docs/description/*"],
    "Field trials": ["docs/trials/*"],
    "Methods": ["docs/methods/*"],
    "Reference": ["docs/reference/index", "docs/gallery/index"],
    "Project": ["docs/decisions", "experiments/README", "CONTRIBUTING", "CHANGELOG"],
}
GROUPS = {  # the package that defines a public name -> its heading in the API reference
    "pipeline": "Functions",
    "cli": "Functions",
    "data": "Data",
    "domain": "Data",
    "grid": "Grids",
    "description": "Description of past crime",
    "model": "Forecasters",
    "scoring": "Scores",
    "stats": "Scores",
    "explain": "Explanation and audit",
    "audit": "Explanation and audit",
    "allocation": "Allocation",
    "evaluation": "Field trials",
    "tuning": "Allocation",
    "strategy": "Strategic assessment",
    "export": "Functions",
    "tracking": "Scores",
    "compute": "Where the work runs",
    "errors": "Errors",  # a module of domain
}


def main(words: list[str]) -> int:
    """Return the exit code of Sphinx; warnings are errors."""
    parser = argparse.ArgumentParser(prog="tasks.py docs", description="Build the documentation site in build/site.")
    parser.add_argument("--no-gallery", action="store_true", help="do not run the scripts of the gallery")
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder for the staged pages")
    parser.add_argument("--site", type=Path, default=SITE, help="folder for the finished site")
    options = parser.parse_args(words)
    stage(options.source)
    settings = ["-D", "plot_gallery=0"] if options.no_gallery else []
    command = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(ROOT / "docs"), *settings]
    code = sphinx([*command, str(options.source), str(options.site)])
    if code == 0:
        (options.site / "index.html").write_text(REDIRECT, encoding="utf-8")
        print(f"Open {options.site / 'index.html'}")
    return code


def stage(folder: Path) -> None:
    """Copy every page and every file that a page links to, and write the generated pages."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "experiments").rglob("*.md")]
    pages += ROOT.glob("notebooks/*.ipynb")
    for page in pages:
        for file in {page, *linked_files(page)}:
            copy = folder / file.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)  # with its time, so that Sphinx rebuilds only what changed
    # The scripts of the gallery store forecasts where they are, so a copy runs.
    shutil.copytree(
        ROOT / "docs" / "gallery", folder / SCRIPTS, ignore=shutil.ignore_patterns("outputs", "__pycache__")
    )
    (folder / "docs" / "reference").mkdir()
    for name, text in reference_pages().items():
        (folder / "docs" / "reference" / name).write_text(text, encoding="utf-8")
    decisions = page_list(sorted((ROOT / "docs" / "adr").glob("*.md")), ":maxdepth: 1")
    (folder / "docs" / "decisions.md").write_text(f"# Decision records\n{decisions}", encoding="utf-8")
    append(folder / "experiments" / "README.md", page_list(sorted(ROOT.glob("experiments/*/README.md")), ":hidden:"))
    append(folder / "docs" / "index.md", navigation(folder))


def append(page: Path, text: str) -> None:
    """Add text to the end of a staged page."""
    page.write_text(page.read_text(encoding="utf-8") + text, encoding="utf-8")


def linked_files(page: Path) -> set[Path]:
    """Return the files of the repository that a page links to, other pages excluded."""
    if page.suffix != ".md":
        return set()
    targets = {found["target"] for found in LINK.finditer(page.read_text(encoding="utf-8"))}
    files = {(page.parent / target).resolve() for target in targets if "://" not in target}
    return {file for file in files if file.is_file() and file.suffix != ".md" and ROOT in file.parents}


def navigation(folder: Path) -> str:
    """Return one hidden table of contents for each section of the sidebar."""
    files = [path for suffix in ("md", "rst", "ipynb") for path in folder.rglob(f"*.{suffix}")]
    pages = sorted(path.relative_to(folder).with_suffix("").as_posix() for path in files if SCRIPTS not in path.parts)
    if GALLERY:
        pages.append("docs/gallery/index")
    sections = {
        caption: [p for entry in entries for p in pages if fnmatch(p, entry)] for caption, entries in NAVIGATION.items()
    }
    placed = {page for entries in sections.values() for page in entries} | {"docs/index"}
    sections["How-to guides"] += [page for page in pages if page.count("/") == 1 and page not in placed]
    return "".join(toctree(caption, entries) for caption, entries in sections.items() if entries)


def toctree(caption: str, pages: list[str]) -> str:
    """Return a hidden table of contents for the sidebar."""
    lines = ["", "```{toctree}", f":caption: {caption}", ":hidden:", "", *(f"/{page}" for page in pages), "```", ""]
    return "\n".join(lines)


def page_list(pages: list[Path], *options: str) -> str:
    """Return a table of contents of some pages of the repository."""
    entries = [f"/{page.relative_to(ROOT).with_suffix('').as_posix()}" for page in pages]
    return "\n".join(["", "```{toctree}", *options, "", *entries, "```", ""])


def reference_pages() -> dict[str, str]:
    """Return the pages of the API reference: one index, and one page for each public name."""
    sections, pages = {heading: [] for heading in GROUPS.values()}, {}
    for name, thing in public_names().items():
        package, _, module = thing.__module__.partition(".")[2].partition(".")
        heading = "Errors" if module == "errors" else GROUPS[package]
        sections[heading].append((name, summary(thing)))
        pages[f"{name}.rst"] = reference_page(name, thing)
    lines = ["API reference", "=============", "", "Use the package from Python: ``import ilp_models as ilp``.", ""]
    for heading, entries in sections.items():
        lines += [heading, "-" * len(heading), "", ".. list-table::", "   :widths: 30 70", ""]
        for name, text in entries:
            lines += [f"   * - :doc:`{name}`", f"     - {text}"]
        lines += ["", ".. toctree::", "   :hidden:", "", *(f"   {name}" for name, _ in entries), ""]
    return {**pages, "index.rst": "\n".join(lines)}


def public_names() -> dict[str, object]:
    """Return the classes and functions of the Python API by name."""
    import ilp_models  # noqa: PLC0415 - only the reference needs the package

    things = {name: getattr(ilp_models, name) for name in ilp_models.__all__}
    return {name: thing for name, thing in things.items() if hasattr(thing, "__module__")}


def summary(thing: object) -> str:
    """Return the first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def reference_page(name: str, thing: object) -> str:
    """Return the page of one class or function."""
    lines = [name, "=" * len(name), "", ".. currentmodule:: ilp_models", ""]
    if inspect.isclass(thing):
        return "\n".join([*lines, f".. autoclass:: {name}", "   :members:", ""])
    return "\n".join([*lines, f".. autofunction:: {name}", ""])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
