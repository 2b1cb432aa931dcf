"""Create the environment and run a task, with only Python 3 installed: `python3 tasks.py weekly`."""

from __future__ import annotations  # an older python3 must parse this file, to find a newer one

import contextlib
import difflib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

ROOT = Path(__file__).resolve().parent
LOCK = ROOT / "lock"
VENV = ROOT / ".venv"
WINDOWS = os.name == "nt"
IN_VENV = Path("Scripts", "python.exe") if WINDOWS else Path("bin", "python")
PYTHON = VENV / IN_VENV
OLDEST = (3, 11)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3", "python")
LEVELS = ("run", "dev")
HASHED = [
    "--require-hashes",
    "--use-pep517",
    "--no-build-isolation",
    "--only-binary",
    ":all:",
    "--no-binary",
    "antlr4-python3-runtime",
]
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_WAIT_POLICY": "passive",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": str(VENV / "matplotlib"),
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PYTHONNOUSERSITE": "1",
}
HELP = """\
Usage: python3 tasks.py TASK [arguments]

  weekly [setting=value ...]  make next week's risk grid; the default data are the bundled Toronto records
  ilp TASK ...                run any task of the command line; `python3 tasks.py ilp --help` lists them
  test [--all]                run the fast tests; --all includes the slow tests
  test PYTEST-ARGUMENTS       run pytest with these arguments
  check [NAME ...]            check format, lint, types, import contracts, and structure with docstrings
  docs [--no-gallery]         build the documentation site in build/site
  bench                       print the benchmark table and write outputs/bench.json
  ui [mlflow arguments]       show the recorded runs in a browser
  lock                        update the lock files (for maintainers; uses the package index)

The first call creates the environment .venv from the lock files. Later calls reuse it.
"""


def main(words: list[str]) -> int:
    """Run a task and return its exit code."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if words[0] not in TASKS:
        near = difflib.get_close_matches(words[0], TASKS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "Run `python3 tasks.py --help` to list the tasks."
        return stop(f"Unknown task '{words[0]}'. {hint}", 2)
    try:
        return TASKS[words[0]](words[1:])
    except KeyboardInterrupt:
        return stop("Interrupted. Run the same command again to resume.", 130)
    except SetUpError as error:
        return stop(str(error), 1)


def run_weekly(words: list[str]) -> int:
    """Run the weekly task in the current folder."""
    return run_program(["weekly", *words])


def run_program(words: list[str]) -> int:
    """Run `ilp` in the current folder."""
    prepare("run")
    return become(["-m", "ilp_models", *words], Path.cwd())


def run_tests(words: list[str]) -> int:
    """Run pytest with the given arguments, or all fast tests without arguments."""
    prepare("dev")
    if words in ([], ["--all"]):
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # one test process per core
        # One file per process: tests of a file share its fixtures. tests/conftest.py orders the files.
        options = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
        words = [*options, *(() if words else ("-m", "not slow"))]
    return become(["-m", "pytest", *words], ROOT)


def run_checks(words: list[str]) -> int:
    """Run every checker, or those named, and list those that fail."""
    checks = {
        "format": ["-m", "ruff", "format", "--check", "."],
        "lint": ["-m", "ruff", "check", "."],
        "types": ["-m", "mypy"],
        "contracts": ["-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
        "structure": ["-m", "pytest", "tests/architecture"],
    }
    if unknown := [word for word in words if word not in checks]:
        return stop(f"Unknown checker '{unknown[0]}'. Choose from {', '.join(checks)}.", 2)
    prepare("dev")
    failed = []
    for name in words or checks:
        print(f"== {name}", flush=True)
        if subprocess.call([PYTHON, *checks[name]], cwd=ROOT, env=environment()) != 0:
            failed.append(name)
    return stop(f"Failed: {', '.join(failed)}.", 1) if failed else 0


def run_benchmarks(words: list[str]) -> int:
    """Run the benchmarks."""
    prepare("dev")
    return become([str(ROOT / "benchmarks" / "run.py"), *words], ROOT)


def build_docs(words: list[str]) -> int:
    """Build the documentation site."""
    prepare("dev")
    return become([str(ROOT / "docs" / "build.py"), *words], ROOT)


def open_ui(words: list[str]) -> int:
    """Show the runs recorded in the current folder."""
    store = Path.cwd() / "outputs" / "mlflow.db"
    if not store.is_file():
        return stop(f"{store} does not exist. Run `python3 tasks.py weekly` first.", 1)
    prepare("run")
    return become(["-m", "mlflow", "ui", "--backend-store-uri", f"sqlite:///{store.as_posix()}", *words], Path.cwd())


def write_locks(words: list[str]) -> int:
    """Update the lock files from pyproject.toml: exact versions with hashes, without URLs."""
    del words
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([find_python(), "-m", "venv", folder], check=True)
        python = Path(folder) / IN_VENV
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        uv = [python, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
        uv += ["--generate-hashes", "--no-header", "--no-annotate", "-c", "lock/constraints.in"]
        for words in (
            ["pyproject.toml", "-o", "lock/run.txt"],
            ["pyproject.toml", "--extra", "dev", "-c", "lock/run.txt", "-o", "lock/dev.txt"],
            ["lock/build.in", "-c", "lock/dev.txt", "-o", "lock/build.txt"],
        ):
            subprocess.run([*uv, *words], check=True, cwd=ROOT)
    return 0


TASKS = {
    "weekly": run_weekly,
    "ilp": run_program,
    "test": run_tests,
    "check": run_checks,
    "docs": build_docs,
    "bench": run_benchmarks,
    "ui": open_ui,
    "lock": write_locks,
}


class SetUpError(Exception):
    """The environment cannot be created; the message contains the command that fixes it."""


def prepare(level: str) -> None:
    """Install the locked versions of a level, unless they are installed already."""
    enough = LEVELS[LEVELS.index(level) :]
    if any(map(is_ready, enough)):
        return
    with one_at_a_time():
        if any(map(is_ready, enough)):
            return
        make_environment()
        for each in LEVELS:
            stamp(each).unlink() if stamp(each).exists() else None
        print(
            f"Installing the versions of lock/{level}.txt into {VENV}. The first time takes a few minutes.", flush=True
        )
        pip(*HASHED, "-r", str(LOCK / "build.txt"))
        pip(*HASHED, "-r", str(LOCK / f"{level}.txt"))
        pip("--no-index", "--no-deps", "--no-build-isolation", "-e", str(ROOT))
        link_openmp()
        stamp(level).write_text(digest(level), encoding="utf-8")


def stamp(level: str) -> Path:
    """Return the file that records which lock file is installed."""
    return VENV / f"ready-{level}"


def is_ready(level: str) -> bool:
    """Return whether the environment is complete, in this folder, and matches the current lock file."""
    return PYTHON.exists() and stamp(level).is_file() and stamp(level).read_text(encoding="utf-8") == digest(level)


def digest(level: str) -> str:
    """Return the SHA-256 of the lock files, pyproject.toml and the location of the environment."""
    known = hashlib.sha256(str(VENV).encode())
    for path in (LOCK / "build.txt", LOCK / f"{level}.txt", ROOT / "pyproject.toml"):
        known.update(path.read_bytes())
    return known.hexdigest()


@contextlib.contextmanager
def one_at_a_time():
    """Hold a lock, so that two calls never install at the same time."""
    if fcntl is None:
        yield
        return
    with Path(__file__).open(encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_environment() -> None:
    """Create the virtual environment; replace one that is broken, too old, incomplete or moved."""
    probe = f"import pip, sys; sys.exit(sys.version_info < {OLDEST})"
    activate = PYTHON.parent / "activate"
    here = activate.is_file() and str(VENV) in activate.read_text(encoding="utf-8")
    if here and PYTHON.exists() and ask(str(PYTHON), probe) is not None:
        return
    python = find_python()
    shutil.rmtree(VENV, ignore_errors=True)
    if subprocess.call([python, "-m", "venv", str(VENV)], env=environment()) != 0:
        message = f"{python} could not create a virtual environment in {VENV}. The reason is in the lines above."
        raise SetUpError(message)


def find_python() -> str:
    """Return a Python that is new enough and has the venv module."""
    incomplete = ""
    for python in (sys.executable, *filter(None, map(shutil.which, CANDIDATES))):
        version = ask(python, f"import sys; sys.version_info < {OLDEST} and sys.exit(1); print(*sys.version_info[:2])")
        if version is None:
            continue
        if ask(python, "import ensurepip, venv") is not None:
            return python
        incomplete = incomplete or ".".join(version.split())
    if incomplete:
        message = f"Python {incomplete} has no venv module. Run: sudo apt-get install -y python{incomplete}-venv"
        raise SetUpError(message)
    message = f"Python {OLDEST[0]}.{OLDEST[1]} or newer was not found. Install it, then run the command again."
    raise SetUpError(message)


def ask(python: str, code: str) -> str | None:
    """Return the output of some code in a Python, or None if it fails."""
    try:
        done = subprocess.run(
            [python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
        )
    except OSError:
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None


def pip(*words: str) -> None:
    """Install packages into the environment."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", *words]
    if subprocess.call(command, env=environment()) != 0:
        message = "pip failed; the reason is in the lines above. Run the command again to resume."
        raise SetUpError(message)


def link_openmp() -> None:
    """Link the OpenMP library of scikit-learn for LightGBM if the system has none."""
    if ask(str(PYTHON), "import lightgbm") is not None:
        return
    if sys.platform == "darwin":
        message = "LightGBM needs OpenMP. Run: brew install libomp"
        raise SetUpError(message)
    found = sorted(VENV.glob("lib/python3*/site-packages/scikit_learn.libs/libgomp*"))
    linked = VENV / "libgomp" / "libgomp.so.1"
    if found and not linked.exists():
        linked.parent.mkdir(exist_ok=True)
        linked.symlink_to(found[0])
    if ask(str(PYTHON), "import lightgbm") is None:
        message = "LightGBM does not load; OpenMP is probably missing. Run: sudo apt-get install -y libgomp1"
        raise SetUpError(message)


def environment() -> dict[str, str]:
    """Return the environment variables of child processes."""
    dropped = {"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_HASHES"}
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    if not variables.get("HOME"):
        variables.pop("HOME", None)
    for name, value in QUIET.items():
        variables.setdefault(name, value)
    linked = VENV / "libgomp"
    if linked.is_dir():
        variables["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [str(linked), variables.get("LD_LIBRARY_PATH")]))
    return variables


def become(words: list[str], folder: Path) -> int:
    """Replace this process by Python with these arguments: it gets the signals and sets the exit code."""
    command = [str(PYTHON), *words]
    if WINDOWS:
        return subprocess.call(command, cwd=folder, env=environment())
    os.chdir(folder)
    os.execve(command[0], command, environment())  # noqa: S606 - no shell is needed
    return 0


def stop(message: str, code: int) -> int:
    """Print an error message and return the exit code."""
    print(f"tasks.py: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
