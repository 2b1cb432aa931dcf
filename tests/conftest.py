"""What tests of several folders share."""

import gc

import pytest
from matplotlib.figure import Figure

RUNS_TASKS = ("run_task", "run_apart")  # what tests call to run whole tasks, which takes seconds


def pytest_collection_modifyitems(items):
    """Mark every test of a module that runs whole tasks as slow, and put files with slow tests first.

    Short files are then left for the end, so that no process waits minutes for the last file of another.
    """
    for item in items:
        module = getattr(item, "module", None)
        if any(callable(getattr(module, name, None)) for name in RUNS_TASKS):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    """Spare the garbage collector the thousands of tests: libraries that call it would take a second each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def undrawn(monkeypatch):
    """Leave figures blank where a test is about something else: to draw them takes as long as all else on a page."""
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: path.write_bytes(b"\x89PNG"))
