"""The errors that users meet: each says what is wrong, where, and how to fix it. Other exceptions are converted."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final


class IlpError(Exception):
    """Base of every error that the command line shows as one line, without a trace."""

    def __init__(self, problem: str = "", advice: str = "") -> None:
        super().__init__(f"{problem} {advice}" if advice else problem)
        self.problem, self.advice = problem, advice


class InputError(IlpError, ValueError):
    """Records, files or settings that cannot be used."""


class NotRunError(IlpError):
    """A forecaster cannot run on these records, for example because there are too few events."""


class StorageError(IlpError):
    """A folder, a stored forecast or the tracking store cannot be read or written."""


class WithheldError(IlpError):
    """An action needs an admitting decision, and no decision covers it."""


UNFINISHED: Final = "UNFINISHED"  # the file in the folder of a run that has not finished
DEBUG: Final = "ILP_DEBUG"  # an environment variable, so that worker processes inherit it


@contextmanager
def convert_errors(cutoff: datetime) -> Iterator[None]:
    """Convert unexpected exceptions to NotRunError so that the other models continue."""
    try:
        yield
    except (IlpError, MemoryError):
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        reason = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        msg = f"failed at cutoff {cutoff.date()}: {reason} (--debug shows the trace)"
        raise NotRunError(msg) from error


def trace_of(error: NotRunError) -> str:
    """Return the traceback of the unexpected exception, empty for a known error."""
    cause = error.__cause__
    return "" if cause is None or isinstance(cause, IlpError) else "".join(traceback.format_exception(cause))
