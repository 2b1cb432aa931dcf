from dataclasses import replace

import pytest

from ilp_models.audit.register.register import Register
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.explain.explain import Explain
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.model.wrappers.across_borders import AcrossBorders
from ilp_models.pipeline.changed_settings import all_changes, outside_changes
from ilp_models.pipeline.registration import RegisterPath
from ilp_models.pipeline.study import open_study
from tests.audit import audit_inputs as inputs
from tests.builders import city, events_of, poisson_counts

EVENTS = events_of(poisson_counts((1, 4, 60), 3.0), city(1, 4))
PLAN = RollingOrigin()


@pytest.fixture
def register(tmp_path):
    return RegisterPath(Register(tmp_path / "register.jsonl"), tmp_path / "register.jsonl")


def changes(register, grid=None, plan=PLAN, explain=None, model=None):
    study = open_study(EVENTS, grid or SquareGrid())
    return outside_changes(study, plan, explain or Explain(), register, {"mean": model or MovingAverage()})


def test_defaults_are_no_changes(register):
    assert changes(register) == []
    assert changes(register, model=AcrossBorders(MovingAverage())) == []


def test_every_part_is_compared_with_its_default(register, tmp_path):
    elsewhere = replace(register, default=tmp_path / "other.jsonl")
    for found, start in (
        (changes(register, grid=SquareGrid(400)), "grid.size=400"),
        (changes(register, plan=RollingOrigin(test_periods=20)), "backtest.test_periods=20"),
        (changes(register, model=MovingAverage(window=30)), "model.mean.window=30"),
        (changes(elsewhere), f"register={register.book.path}"),
    ):
        assert [one.startswith(start) for one in found] == [True], found


def test_an_earlier_end_is_told_with_the_periods_that_are_left_out(register):
    found = changes(register, plan=RollingOrigin(end="2019-01-28"))
    assert any(one.endswith("between the last audited one and the forecast") for one in found)


def test_all_changes_are_listed_once():
    audit = inputs.audit()
    own = audit.changes()
    found = all_changes(replace(audit, land_share=0.123), ["grid.a=1", "grid.a=1"])
    assert found.count("grid.a=1") == 1
    assert sum(one.startswith("audit.land_share=0.123") for one in found) == 1
    assert set(own) <= set(found)
