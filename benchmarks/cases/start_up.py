"""Start-up time: the import and the help."""

import subprocess
import sys
from collections.abc import Callable
from typing import Final

from benchmarks.figure import Figure, Goal
from benchmarks.timing import in_turn

_HEAVY: Final = ("mlflow", "shap", "matplotlib", "lightgbm")
_IMPORT: Final = "import ilp_models"
_HELP: Final = "import sys; from ilp_models.cli.app import App, find_configs; App(find_configs()).run(['--help'])"


def measure(*, quick: bool) -> list[Figure]:
    """Return wall times of import and help, that of Python alone, and how many heavy libraries they load."""
    rounds = 1 if quick else 7
    seconds = in_turn(
        rounds,
        python=python("-c", "pass"),
        importing=python("-c", _IMPORT),
        hydra=python("-c", "import hydra"),
        help=python("-m", "ilp_models", "--help"),
    )
    loaded = sorted({name for code in (_IMPORT, _HELP) for name in heavy_after(code)})
    return [
        Figure(
            name="import ilp_models",
            figure=seconds["importing"],
            unit="s",
            goal=Goal(high=1),
            reference=seconds["python"],
            against="an empty Python program",
            n=rounds,
        ),
        Figure(
            name="ilp --help",
            figure=seconds["help"],
            unit="s",
            goal=Goal(high=1),
            reference=seconds["hydra"],
            against="a Python program that imports hydra and ends",
            n=rounds,
        ),
        Figure(
            name="heavy libraries loaded by both",
            figure=len(loaded),
            unit="",
            goal=Goal(high=0),
            n=len(_HEAVY),
            note=", ".join(loaded) or f"none of {', '.join(_HEAVY)}",
        ),
    ]


def python(*words: str) -> Callable[[], object]:
    """Return a function that runs this Python in a new process."""
    return lambda: subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)


def heavy_after(code: str) -> list[str]:
    """Return which heavy libraries some code loads."""
    asked = f"{code}; import sys; sys.stderr.write(','.join({set(_HEAVY)!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    return [name for name in done.stderr.split(",") if name]
