"""Collect the runs of a sweep (`-m`), and write their table when the last one has ended."""

import importlib
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig


class Sweep:
    """The runs of one command; only those of a sweep are collected."""

    def __init__(self) -> None:
        self._runs: list[tuple[Path, Sequence[str], str]] = []
        self._folder = Path()
        self._decimal = "point"

    def add(self, config: DictConfig, error: str = "") -> None:
        """Add the current run, with the reason if it failed."""
        chosen = HydraConfig.get()
        if chosen.mode == RunMode.MULTIRUN:
            self._folder = Path(chosen.runtime.cwd, chosen.sweep.dir)
            self._decimal = str(config.get("decimal", self._decimal))
            self._runs.append((Path(chosen.runtime.output_dir), tuple(chosen.overrides.task), error))

    def report(self) -> str:
        """Write the table of the runs, and return it as text; empty without a sweep."""
        if not self._runs:
            return ""
        table = importlib.import_module("ilp_models.pipeline.sweep")  # it loads pandas
        runs = [table.SweepRun(folder.name, folder, tuple(words), error) for folder, words, error in self._runs]
        return f"{table.write_sweep(runs, self._folder, self._decimal)}\n"
