"""Every option of the model group is explained, with the columns of all methods that it combines."""

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.history import History
from ilp_models.explain.explain import Explain
from tests.builders import city, events_of, layers_on, poisson_counts
from tests.conformance.configured_forecasters import NAMES, WHOLE, forecaster

pytestmark = pytest.mark.slow

CALENDAR = Calendar()


@pytest.fixture(scope="module")
def history():
    grid = city(3, 4)
    rate = np.random.default_rng(5).gamma(1.0, 0.6, (2, 12, 1))
    events = events_of(poisson_counts((2, 12, 110), rate), grid)
    layers = layers_on(grid)
    return History.from_events(events.start + pd.Timedelta(weeks=110), events, grid, calendar=CALENDAR, layers=layers)


@pytest.mark.parametrize("name", NAMES)
def test_attributions_add_up_and_refits_are_explained(name, history):
    fitted = forecaster(name).fit(history)
    explanation = Explain(refits=2, sample=12, background=10).run(
        fitted, history.calendar.next_periods(history.cutoff, 1), name
    )
    assert explanation.additivity_error <= 1e-6
    assert explanation.robustness.refits.shape[1] == 4
    assert {column.family for column in explanation.columns}
    if name in WHOLE:
        names = {column.name for column in explanation.columns}
        for member in fitted.composition().members:
            known = getattr(member.forecaster, "columns_", ())  # of a regression
            assert {f"{member.name}: {column.name}" for column in known} <= names
            assert any(one.startswith(f"{member.name}: ") for one in names)
