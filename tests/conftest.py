"""What tests of several folders share."""

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def undrawn(monkeypatch):
    """Leave figures blank where a test is about something else: to draw them takes as long as all else on a page."""
    monkeypatch.setattr(Figure, "savefig", lambda _, path, **__: path.write_bytes(b"\x89PNG"))
