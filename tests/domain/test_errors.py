import pickle
from datetime import datetime

import pytest

from ilp_models.domain.errors import DEBUG, InputError, NotRunError, convert_errors, trace_of

CUTOFF = datetime(2022, 1, 3)  # noqa: DTZ001 - a cutoff is a wall clock


def failed(error):
    """Return the error that a forecaster's exception becomes."""
    with pytest.raises(NotRunError) as caught, convert_errors(CUTOFF):
        raise error
    return caught.value


def test_an_error_keeps_its_problem_and_its_advice_apart_also_between_processes():
    error = pickle.loads(pickle.dumps(InputError("2 units are too few.", "Give 4.")))  # noqa: S301 - made here
    assert (str(error), error.problem, error.advice) == (
        "2 units are too few. Give 4.",
        "2 units are too few.",
        "Give 4.",
    )
    assert (str(InputError("2 units.")), InputError("2 units.").advice) == ("2 units.", "")


def test_an_unexpected_exception_is_one_line_and_keeps_its_trace(monkeypatch):
    monkeypatch.delenv(DEBUG, raising=False)
    error = failed(ZeroDivisionError("no\n  weeks"))
    assert str(error) == "failed at cutoff 2022-01-03: ZeroDivisionError: no weeks (--debug shows the trace)"
    assert "ZeroDivisionError" in trace_of(error)
    assert str(failed(KeyError())).startswith("failed at cutoff 2022-01-03: KeyError (")


@pytest.mark.parametrize("error", [InputError("wrong"), NotRunError("few"), MemoryError()])
def test_known_errors_and_a_full_memory_pass_unchanged(error):
    with pytest.raises(type(error)) as caught, convert_errors(CUTOFF):
        raise error
    assert caught.value is error


def test_a_known_error_has_no_trace():
    assert trace_of(NotRunError("few")) == ""
    error = NotRunError("few")
    error.__cause__ = InputError("wrong")
    assert trace_of(error) == ""


def test_debugging_shows_the_exception_itself(monkeypatch):
    monkeypatch.setenv(DEBUG, "1")
    with pytest.raises(ZeroDivisionError), convert_errors(CUTOFF):
        raise ZeroDivisionError
