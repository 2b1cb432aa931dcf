"""What tests of several folders share."""

import pytest
from matplotlib.figure import Figure

RUNS_TASKS = ("run_task", "run_apart")  # what tests call to run whole tasks, which takes seconds


def pytest_collection_modifyitems(items):
    """Mark every test of a module that runs whole tasks as slow."""
    for item in items:
        module = getattr(item, "module", None)
        if any(callable(getattr(module, name, None)) for name in RUNS_TASKS):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave figures blank where a test is about something else: to draw them takes as long as all else on a page."""
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: path.write_bytes(b"\x89PNG"))
