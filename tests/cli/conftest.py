"""A command line with a small task, to test it without the real tasks."""

import sys
from pathlib import Path

import pytest

from ilp_models.cli.app import App, find_configs

_PRIMARY = """\
# Count sheep, and say how many.
#
# The flock is counted once for each shepherd.
#
# Examples:
#   ilp count flock.size=12
#   ilp count -m flock=small,large
defaults:
  - _terminal
  - flock: small
  - shepherd: [ann, bob]
  - _self_
  - experiment: null
tired: false # Whether the shepherd may doze off
fail: null
"""
_CITY = """\
# @package _global_
# {name}
defaults:
  - override /data: simulated
data:
  seed: {seed}
  size_km: 3
  districts: 3
  weeks: 60
  west: {west}
neighbours:
  jurisdictions: [{neighbour}]
audit:
  land_share: 0.1
"""
_FILES = {
    "count.yaml": _PRIMARY,
    "tally.yaml": "# Tally what was counted.\ndefaults:\n  - _terminal\n  - _self_\nruled: true\n",
    "flock/small.yaml": "# A few sheep\n_target_: fractions.Fraction\nnumerator: 3 # Head of sheep\ndenominator: 1\n",
    "flock/large.yaml": "# Many sheep\n_target_: fractions.Fraction\n# Head of sheep,\n# lambs too\nnumerator: 400\n",
    "flock/missing.yaml": "_target_: fractions.Fraction\nnumerator: ???\n",
    "flock/strange.yaml": "_target_: os.path.basename\np: /tmp/x\n",
    "flock/borrowed.yaml": "_target_: fractions.math.factorial\nx: 3\n",
    "flock/refused.yaml": "_target_: fractions.Fraction\nnumerator: 1\ndenominator: 0\n",
    "shepherd/ann.yaml": "# @package shepherd.ann\n# Ann\npace: 4 # Sheep a minute\n",
    "shepherd/bob.yaml": "# @package shepherd.bob\n# Bob\npace: 2 # Sheep a minute\n",
    "experiment/early.yaml": "# @package _global_\nname: early\nflock: {numerator: 7}\n",
    "experiment/wide.yaml": "# @package _global_\nname: wide\nruled: false\n",
    "experiment/wrong.yaml": "# @package _global_\nname: wrong\nrulled: false\n",
}
_PIPELINE = """
import errno, logging, warnings
from pathlib import Path
from ilp_models.domain.errors import InputError

def run(*, flock, shepherd, tired, fail, folder, command):
    assert Path(folder).is_absolute() and (Path(folder) / "UNFINISHED").exists()
    assert type(shepherd) is dict and command.startswith("ilp count")
    logging.getLogger("ilp_models.count").info("counting")
    warnings.warn("a wolf")
    (folder / "count.txt").write_text(str(flock))
    if fail == "input":
        raise InputError("The flock has no sheep: give flock.numerator.")
    if fail == "bug":
        raise KeyError("wolf")
    if fail == "full":
        raise OSError(errno.ENOSPC, "No space left on device", str(folder / "count.txt"))
    if fail == "stop":
        raise KeyboardInterrupt
    name = next(part.name.rpartition("-")[2] for part in (folder, *folder.parents) if "-" in part.name)
    return f"{flock} sheep, {len(shepherd)} shepherds, {name}"
"""


@pytest.fixture
def configs(tmp_path, monkeypatch):
    """Return a configuration folder with a small task and the shared settings of the real one."""
    folder = tmp_path / "the configs"
    for name, text in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "_terminal.yaml").write_text((find_configs() / "_terminal.yaml").read_text())
    pipelines = tmp_path / "sheep_pipelines"
    pipelines.mkdir()
    (pipelines / "__init__.py").touch()
    (pipelines / "count.py").write_text(_PIPELINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("ILP_TARGETS", "fractions.")
    monkeypatch.chdir(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("sheep_pipelines")]:
        del sys.modules[name]


@pytest.fixture
def ilp(configs, capfd, monkeypatch):
    """Return (exit code, stdout, stderr) of a command line."""
    monkeypatch.setattr(sys, "argv", ["ilp"])

    def call(*words: str) -> tuple[int, str, str]:
        code = App(configs, "sheep_pipelines").run(list(words))
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def run_folder(tmp_path):
    """Return the only run folder of a task."""

    def find(task: str = "count") -> Path:
        (folder,) = [p for p in (tmp_path / "outputs" / task).iterdir() if p.name not in ("latest", "multirun")]
        return folder

    return find


@pytest.fixture
def options(tmp_path):
    """Return a folder of options with two small neighbours."""
    folder = tmp_path / "mine" / "jurisdiction"
    folder.mkdir(parents=True)
    for name, seed, west, neighbour in (("north", 1, 680_000, "south"), ("south", 2, 683_000, "")):
        (folder / f"{name}.yaml").write_text(_CITY.format(name=name, seed=seed, west=west, neighbour=neighbour))
    return folder.parent
