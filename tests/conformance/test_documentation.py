"""The examples on the pages about models, features and backtests work."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf

from ilp_models.domain.features import Column
from ilp_models.model.regressions.regression import RegressionForecaster
from tests.builders import city, events_of, poisson_counts
from tests.conformance.forecaster_checks import (
    ConformanceCase,
    check_forecaster,
    forecasts_are_complete_counts,
    reports_after_the_cutoff_change_nothing,
)

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def case():
    grid = city(3, 4)
    events = events_of(poisson_counts((2, 12, 116), 0.6), grid, delay_days=10, settles_after="7D")
    return ConformanceCase(events, grid, events.start + pd.Timedelta(weeks=110), leads=1)


def block(page, language, word):
    """Return the fenced block of a page that holds a word."""
    text = (DOCS / f"{page}.md").read_text()
    (found,) = (one for one in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if word in one)
    return found


def defined(page, word, **given):
    scope = {"__name__": "documentation", **given}
    exec(block(page, "python", word), scope)  # noqa: S102 - our own page
    return scope


def test_the_class_of_the_page_is_a_forecaster(case, monkeypatch):
    scope = defined("models", "class PulledMeans")
    PulledMeans = scope["PulledMeans"]  # noqa: N806
    PulledMeans.__module__ = __name__
    monkeypatch.setitem(globals(), "PulledMeans", PulledMeans)  # so that it pickles
    check_forecaster(PulledMeans(), case)


@pytest.mark.parametrize("check", [forecasts_are_complete_counts, reports_after_the_cutoff_change_nothing])
def test_the_regressor_of_the_page_is_a_forecaster(check, case):
    config = OmegaConf.create({"model": OmegaConf.create(block("models", "yaml", "@package model.boosting"))})
    plain = OmegaConf.to_container(config, resolve=True)["model"]
    plain["regressor"]["max_iter"] = 10
    check(instantiate(plain, _convert_="all"), case)


def test_the_feature_family_of_the_page_works(case):
    family = defined("features", "class Streak", dataclass=dataclass, Column=Column, np=np)["Streak"]()
    history = case.known()
    out = np.full((len(history.panel.periods), 2, 12, 1), np.nan, dtype=np.float32)
    family.write(history, history.panel.periods, 1, out)
    assert (out[0] == 0).all()
    np.testing.assert_array_equal(out[1:, ..., 0], history.panel.by_period[:-1] > 0)
    assert family.columns(history)[0].name == "streak"


def test_every_setting_of_the_regressions_is_on_the_page():
    table = re.findall(r"^\| `(\w+)` \|", (DOCS / "models.md").read_text().split("## Regressions")[1], re.MULTILINE)
    assert set(table) == set(RegressionForecaster._get_param_names()) - {"regressor"}


def test_every_option_is_on_the_page():
    options = sorted(path.stem for path in (DOCS.parent / "configs" / "model").glob("*.yaml"))
    table = re.findall(r"^\| `(\w+)` \|", (DOCS / "models.md").read_text().split("## Each in turn")[0], re.MULTILINE)
    assert sorted(table) == options
