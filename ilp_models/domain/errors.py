"""The errors that users meet: each says what is wrong, where, and how to fix it. Other exceptions are converted."""

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final


class IlpError(Exception):
    """Base of every error that the command line shows as one line, without a trace.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> try:
    ...     ilp.SimulatedCity(weeks=0)
    ... except ilp.IlpError as error:
    ...     print(type(error).__name__)
    InputError
    """

    def __str__(self) -> str:
        """Return what is wrong and, if it was given apart, what to do."""
        return " ".join(map(str, self.args))

    @property
    def problem(self) -> str:
        """What is wrong; the whole message if no advice was given apart."""
        return str(self.args[0]) if self.args else ""

    @property
    def advice(self) -> str:
        """What to do, where it was given apart from what is wrong; otherwise empty."""
        return " ".join(map(str, self.args[1:]))


class InputError(IlpError, ValueError):
    """Records, files or settings that cannot be used.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> ilp.SquareGrid(-500)
    Traceback (most recent call last):
    ilp_models.domain.errors.InputError: grid.size=-500 must be a number of metres, at least 10.
    """


class NotRunError(IlpError):
    """A forecaster cannot run on these records, for example because there are too few events.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=12).read()
    >>> try:
    ...     ilp.make_forecast(ilp.LightGBM(), events, ilp.SquareGrid(1000))
    ... except ilp.NotRunError as error:
    ...     print(error)
    LightGBM could not run: 12 known weeks leave 7 to learn from; at least 8 are needed. Give more data.
    """


class StorageError(IlpError):
    r"""A folder, a stored forecast or the tracking store cannot be read or written.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> size = (folder / "damaged.jsonl").write_text("no entry\n")
    >>> try:
    ...     ilp.Register(folder / "damaged.jsonl").verify()
    ... except ilp.StorageError as error:
    ...     print(error.advice)
    Restore the register from a copy.
    """


class WithheldError(IlpError):
    """An action needs an admitting decision, and no decision covers it.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=12).read()
    >>> forecast = ilp.make_forecast(ilp.MovingAverage(4), events, ilp.SquareGrid(1000))
    >>> file = forecast.to_file(folder / "forecast.parquet")
    >>> try:
    ...     ilp.load_approved(folder)
    ... except ilp.WithheldError as error:
    ...     print(error.advice)
    Run the audit, or export with grade=research.
    """


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
