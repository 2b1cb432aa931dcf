"""Conversion of unexpected exceptions of a forecaster to `NotRunError`."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from ilp_models.domain.errors import IlpError, NotRunError

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
