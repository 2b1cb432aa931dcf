"""A forecaster that breaks: it could not run, and is told where and by what."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from ilp_models.domain.errors import IlpError, NotRunError

DEBUG: Final = "ILP_DEBUG"  # an environment variable, so that worker processes know of it


@contextmanager
def convert_errors(cutoff: datetime) -> Iterator[None]:
    """Turn whatever a forecaster breaks by into an error that lets the others go on."""
    try:
        yield
    except (IlpError, MemoryError):  # these say what they are
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        msg = f"failed at cutoff {cutoff.date()}: {said} (--debug shows the trace)"
        raise NotRunError(msg) from error


def trace_of(error: NotRunError) -> str:
    """Return the trace of what a forecaster broke by."""
    cause = error.__cause__
    return "" if cause is None or isinstance(cause, IlpError) else "".join(traceback.format_exception(cause))
