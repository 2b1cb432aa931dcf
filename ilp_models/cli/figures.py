"""Let a task write its figures in more formats than PNG."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def more_figure_formats(formats: Any) -> Iterator[None]:
    """Write figures in the chosen formats while the context lasts; with PNG alone no plotting library is loaded."""
    if formats in ("png", ["png"]):
        yield
        return
    plots = importlib.import_module("ilp_models.report.plots")  # it loads matplotlib
    with plots.figure_formats(formats):
        yield
