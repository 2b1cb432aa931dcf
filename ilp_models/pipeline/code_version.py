"""The commit of the checkout that the package runs from."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import ilp_models


@cache
def git_commit() -> str:
    """Return the commit of the checkout the package runs from."""
    git, folder = shutil.which("git"), Path(ilp_models.__file__).resolve().parent
    if git is None or not (folder.parent / ".git").exists():
        return "none"

    def ask(*words: str) -> str:
        asked = [git, "-C", str(folder), *words]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603

    commit = ask("rev-parse", "HEAD")
    return f"{commit}{'+changes' if ask('status', '--porcelain', '-uno') else ''}" if commit else "none"
