"""Names that the examples in docstrings use, and settings of property tests."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, settings

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from tests.builders import city, events_of, layers_on, poisson_counts

# slow examples show that the machine is busy; benchmarks measure the speed of the code
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True, scope="session")
def _example_names(doctest_namespace, tmp_path_factory):
    """Give examples `history`, what is known of a small city after 110 weeks, `next_week`, and an empty `folder`."""
    grid = city(3, 4)
    rates = np.random.default_rng(5).gamma(1.0, 0.6, (2, 12, 1))
    events = events_of(poisson_counts((2, 12, 110), rates), grid)
    history = History.from_events(events.end, events, grid, Calendar(), layers_on(grid))
    doctest_namespace |= {"np": np, "pd": pd, "history": history, "folder": tmp_path_factory.mktemp("examples")}
    doctest_namespace["next_week"] = history.calendar.next_periods(history.cutoff, 1)
