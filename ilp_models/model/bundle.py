"""Write and read a fitted forecaster as a folder of text files; reading one never runs code."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from ilp_models.domain.errors import StorageError
from ilp_models.domain.forecaster import Forecaster
from ilp_models.domain.local_file import file_in_folder
from ilp_models.model.regressions.lightgbm import LightGBM
from ilp_models.model.regressions.regression import RegressionForecaster
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.model.wrappers.intervals import RiskGroups
from ilp_models.model.wrappers.wrapper import Wrapper

_LARGEST: Final = 1000  # values of an array that is written


def write_bundle(forecaster: Forecaster, folder: Path, facts: Mapping[str, Any]) -> Path:
    """Write a fitted forecaster and some facts about it as text; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {**facts, "class": f"{type(forecaster).__module__}.{type(forecaster).__qualname__}"}
    content["cutoff"] = str(forecaster.history_.cutoff)
    content["crime_types"] = list(forecaster.history_.events.crime_types)
    content["learned"] = _learned_arrays(forecaster)
    if isinstance(forecaster, RegressionForecaster):
        content["columns"] = [vars(column) for column in forecaster.columns_]
        if forecaster.offset is not None:
            learned = _learned_arrays(forecaster.offset_)
            content["offset"] = {"class": type(forecaster.offset_).__name__, "learned": learned}
    if isinstance(forecaster, LightGBM):
        texts = forecaster.texts()
        content["trees"] = sorted(texts)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    if isinstance(forecaster, Wrapper | AcrossBorders):
        write_bundle(forecaster.forecaster_, folder / "forecaster", {})
    (folder / "bundle.json").write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    return folder


def read_bundle(folder: Path) -> dict[str, Any] | None:
    """Return the facts in a bundle, None if the folder has none."""
    path = folder / "bundle.json"
    if not os.path.lexists(path):
        return None
    try:
        return dict(json.loads(file_in_folder(folder, path.name).read_text(encoding="utf-8")))
    except (OSError, RecursionError, TypeError, ValueError) as error:
        msg = f"{path} cannot be read ({error}). Use a complete copy of the run folder."
        raise StorageError(msg) from error


def _learned_arrays(forecaster: Forecaster) -> dict[str, Any]:
    """Return the small learned arrays, such as half-lives and dispersions."""
    learned: dict[str, Any] = {}
    for name, value in sorted(vars(forecaster).items()):
        if name.endswith("_") and isinstance(value, np.ndarray) and value.size <= _LARGEST:
            learned[name] = value.tolist()
        if isinstance(value, RiskGroups):
            learned[name] = [edges.tolist() for edges in value.edges]
    return learned
