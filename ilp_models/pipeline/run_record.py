"""Read the record of a run: a JSON object that another task uses."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.local_file import file_in_folder

_Value = TypeVar("_Value")
_LARGEST: Final = 50_000_000  # bytes of a record


@dataclass(frozen=True, eq=False)
class RunRecord:
    """The record of a run, with the fields that a task needs."""

    folder: Path
    name: str
    content: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.name

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the run says about itself: its field ``facts``, or the record if it has none."""
        found = self.content.get("facts", self.content)
        return found if isinstance(found, Mapping) else {}

    def read(self, make: Callable[[Mapping[str, Any]], _Value]) -> _Value:
        """Return what a function makes of the content; InputError if the content is not that of such a run.

        The message names a missing field, but no value: a record of groups must not reach a log.
        """
        try:
            return make(self.content)
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            fault = f"no field {error}" if isinstance(error, KeyError) else "a field of another kind"
            msg = f"{self.path} is damaged, or of another version ({fault}). Make the run again."
            raise InputError(msg) from error


def read_record(folder: Path, name: str) -> RunRecord:
    """Return a record of a run; InputError unless it is a JSON object of a sensible size."""
    path = folder / name
    try:
        size = file_in_folder(folder, name).stat().st_size
        if size > _LARGEST:
            msg = f"{path} is larger than {_LARGEST // 1_000_000} MB, so that it is no record of a run."
            raise InputError(msg)
        text = path.read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except InputError:
        raise
    except (OSError, RecursionError, StorageError, ValueError) as error:
        msg = f"{path} cannot be read ({error}). Make the run again."
        raise InputError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path} is not the record of a run. Name the folder of a run."
        raise InputError(msg)
    return RunRecord(folder, name, content)


def _finite(text: str) -> float | None:
    """Return a number; None, as a run writes what is not known, for NaN and for one that is too large."""
    value = float(text)
    return value if math.isfinite(value) else None
