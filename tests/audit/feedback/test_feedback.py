"""Feedback of one forecaster under one way of flagging, in cities whose truth is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.audit.check_context import CheckContext, CheckOptions, MinEvidence
from ilp_models.audit.feedback.city import FeedbackCity, areas_for
from ilp_models.audit.feedback.feedback import FOLLOWED, WEIGHTED, Feedback, PatrolRule, check_feedback
from ilp_models.audit.feedback.simulation import simulate_feedback
from ilp_models.data.simulated.city import SimulatedCity
from ilp_models.data.simulated.rates import SimulatedType
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError
from ilp_models.domain.finding import Limit, State, sentence
from ilp_models.domain.grid import parent_labels
from ilp_models.domain.history import History
from ilp_models.grid.parents import ByLabel
from ilp_models.grid.square import SquareGrid
from ilp_models.model.kernels.kernel_density import KDE
from ilp_models.model.kernels.prospective_hot_spot import ProspectiveHotSpot
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import city, history_of, poisson_counts, replay_of, square_grid

LIMITS = {
    "feedback_distance": Limit(warn_above=0.1, fail_above=0.2, neutral=0),
    "feedback_observed": Limit(fail_below=0.95),
}
RATES = np.array([[20.0, 12, 9, 8, 7, 6, 5, 4, 3, 2, 2, 1], [2.0, 2, 3, 4, 12, 5, 9, 6, 7, 8, 1, 20]])
QUICK = Feedback(periods=20, every=5, replicates=2, memory=20)


def history(rates=RATES, grid=None, **settings):
    counts = poisson_counts((*rates.shape, 40), rates[:, :, None])
    return history_of(counts, grid=city(3, 4) if grid is None else grid, **settings)


def outcome(forecaster=None, share=1 / 12, **changes):
    forecaster = MovingAverage(20) if forecaster is None else forecaster
    return simulate_feedback(forecaster, history(), PatrolRule(share), replace(QUICK, **changes), RATES)


def evidence(types=2):
    counts = poisson_counts((types, 12, 12))
    grid = square_grid(3, 4)
    one = replay_of(counts + 0.5, counts)
    return CheckContext(
        replay=one, baseline=one, grid=replace(grid, cells=one.expected.indexes["cell"]), explanation=None,
        features=None, limits=LIMITS, minimum=MinEvidence(), resampling=Bootstrap(), share=0.05, unit="count",
        floor=0.01,
    )  # fmt: skip


def test_where_everything_is_recorded_feedback_adds_nothing():
    made = outcome(reporting=1.0)
    for name in ("a", "b", "all"):
        assert made.excess(name) == (0.0, 0.0, 0.0)
    assert (made.observed["observed"] == 1).all()


@pytest.mark.parametrize("reporting", [0.2, 0.5])
def test_a_mean_of_the_past_ends_where_the_formula_says(reporting):
    made = outcome(reporting=reporting, replicates=4)
    share = RATES[0, 0] / RATES[0].sum()  # one cell of twelve is flagged, the first of type a
    expected = share / (share + reporting * (1 - share)) - share
    learned = made.final("a", FOLLOWED).mean()
    assert learned == pytest.approx(expected, abs=0.03)
    assert made.excess("a", WEIGHTED)[0] < 0.04


def test_without_reports_and_exploration_it_is_refused_and_no_weights_exist():
    with pytest.raises(InputError, match=r"Set audit\.feedback\.reporting"):
        outcome()
    with pytest.raises(InputError, match="reported where nobody patrols is unknown"):
        outcome(reporting={"a": 0.5})
    made = outcome(reporting=0.0)
    assert len(made.final("a", WEIGHTED)) == 0
    assert np.isnan(made.excess("a", WEIGHTED)).all()
    assert made.observed.set_index("crime_type").loc["a", "patrolled"] == pytest.approx(1 / 12)
    assert made.final("a", FOLLOWED) == pytest.approx(1 - RATES[0, 0] / RATES[0].sum())


def test_with_exploration_alone_weights_come_nearer_than_records_as_they_are():
    made = outcome(share=0.5, exploration=0.5, replicates=3, periods=40, memory=40, every=4)
    assert made.observed.set_index("crime_type").loc["all", "patrolled"] == 1
    for name in ("a", "b"):
        assert made.excess(name, WEIGHTED)[0] < made.excess(name)[0]


def test_the_fewer_reports_the_further_the_forecast_ends_from_the_truth():
    ends = [outcome(reporting=rate, replicates=3).excess("all")[0] for rate in (0.1, 0.3, 0.6, 1.0)]
    assert ends == sorted(ends, reverse=True)


def test_reports_can_differ_by_crime_type():
    made = outcome(reporting={"a": 1.0, "b": 0.2}, replicates=3)
    assert made.excess("a")[0] == 0
    assert made.excess("b")[0] > 0.1
    with pytest.raises(InputError, match="names 'c'"):
        outcome(reporting={"a": 1.0, "b": 0.2, "c": 0.1})


def test_one_seed_gives_one_outcome_and_another_seed_another():
    first, again, other = (outcome(reporting=0.4, seed=seed).trajectory for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["distance"].equals(other["distance"])


@pytest.mark.parametrize(
    "forecaster",
    [EWMA([8], [0.0]), KDE(), ProspectiveHotSpot(), MovingAverage(8)],
    ids=lambda one: type(one).__name__,
)
def test_every_kind_of_forecaster_can_be_simulated(forecaster):
    made = outcome(forecaster, reporting=0.3)
    assert np.isfinite(made.trajectory["distance"]).all()
    assert made.trajectory["distance"].between(0, 1).all()
    assert set(made.trajectory["crime_type"]) == {"a", "b", "all"}
    assert not hasattr(forecaster, "history_")


def test_the_past_is_the_truth_unless_rates_are_given():
    real = history()
    assert FeedbackCity.from_history(real).rates == pytest.approx(real.panel.values.mean(axis=2))
    assert np.array_equal(FeedbackCity.from_history(real, 2 * RATES).rates, 2 * RATES)
    with pytest.raises(InputError, match="True rates are one a crime type and cell"):
        FeedbackCity.from_history(real, -RATES)


def test_areas_are_parents_where_there_are_enough_else_cells_else_blocks():
    cells = square_grid(6, 6)
    parents = pd.DataFrame({"half": ["w", "e"] * 18, "beat": [f"b{cell // 3}" for cell in range(36)]})
    level = areas_for(replace(cells, parents=parents))
    assert (level.name, len(level.areas)) == ("beat", 12)
    assert areas_for(cells).name == "cell"
    blocks = areas_for(square_grid(20, 20))
    assert blocks.name == "block"
    assert 100 <= len(blocks.areas) <= 200
    assert np.array_equal(np.unique(blocks.codes), np.arange(len(blocks.areas)))


def test_a_city_of_parent_areas_adds_its_cells_up():
    grid = replace(city(6, 6), parents=pd.DataFrame({"beat": [f"b{cell // 3:02d}" for cell in range(36)]}))
    rates = np.arange(36.0)[None, :]
    made = FeedbackCity.from_history(history(rates, grid), rates)
    assert made.rates == pytest.approx(rates.reshape(1, 12, 3).sum(axis=2))
    assert made.grid.area_m2.sum() == pytest.approx(grid.area_m2.sum())
    result = simulate_feedback(
        MovingAverage(20), history(rates, grid), PatrolRule(0.1), replace(QUICK, reporting=0.5), rates
    )
    assert result.areas == "beat"
    assert list(result.observed["areas"]) == [12]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=72, max_size=72), st.integers(0, 9))
def test_counts_written_as_records_are_counted_again(counts, seed):
    made = FeedbackCity.from_history(history(RATES))
    cube = np.array(counts, dtype=np.int64).reshape(2, 12, 3)
    table = made.records(cube, -3, np.random.default_rng(seed))
    known = made.known([table], 3, 0)
    assert np.array_equal(known.panel.values, cube)
    assert known.cutoff == made.real.cutoff


def test_in_the_simulated_city_the_truth_is_what_happens_not_what_is_recorded():
    flat = SimulatedType(yearly=4000.0, season=0.0, offspring=0.0)
    source = SimulatedCity(size_km=3.0, weeks=80, crime_types={"theft": flat}, reporting_slope=0.5, reporting_rate=0.5)
    events = source.read()
    grid = SquareGrid(size=500, parents={"district": ByLabel()}).build(events)
    real = History.from_events(events.end, events, grid, Calendar())
    rates = source.reporting_rates().set_index("area")["rate"].reindex(parent_labels(grid)).to_numpy()
    truth = real.panel.values.mean(axis=2) / rates
    simulated = replace(QUICK, reporting=0.5, replicates=3)
    made = simulate_feedback(MovingAverage(20), real, PatrolRule(0.05), simulated, truth)
    assert made.areas == "district"
    assert made.excess("theft")[0] > made.excess("theft", WEIGHTED)[0] > 0


def test_events_of_an_area_lie_in_its_cells_in_proportion_to_their_rates():
    grid = replace(city(6, 6), parents=pd.DataFrame({"beat": [f"b{cell // 3:02d}" for cell in range(36)]}))
    rates = np.tile([1.0, 0.0, 3.0], 12)[None, :]
    made = FeedbackCity.from_history(history(rates, grid), rates)
    table = made.records(np.full((1, 12, 1), 500), 0, np.random.default_rng(0))
    cells = np.bincount(grid.locate(replace(made.real.events, table=table)), minlength=36).reshape(12, 3).sum(axis=0)
    assert cells[1] == 0
    assert cells[2] / cells.sum() == pytest.approx(0.75, abs=0.02)


def findings(result, **options):
    return check_feedback(replace(evidence(), options=CheckOptions(feedback=result, **options)))


def test_the_gate_hears_of_distance_and_of_areas_never_seen():
    found = {one.key[:2]: one for one in findings(outcome(reporting=0.0, replicates=3))}
    assert found["feedback_distance", "a"].state is State.FAIL
    assert found["feedback_observed", "a"].state is State.FAIL
    assert set(found) == {(name, kind) for name in LIMITS for kind in ("a", "b", "all")}
    good = findings(outcome(reporting=0.9, replicates=3))
    assert {one.state for one in good} == {State.PASS}
    assert {one.check for one in good} == {*LIMITS, "feedback_corrected"}
    assert all(one.limit is None or not one.limit.bounded for one in good if one.check == "feedback_corrected")


def test_unknown_reports_are_too_little_evidence_even_where_the_worst_case_is_simulated():
    worst = findings(outcome(share=0.5, exploration=0.5))
    assert {one.state for one in worst} == {State.INSUFFICIENT}
    assert all("Set audit.feedback.reporting" in one.advice for one in worst)
    assert np.isfinite(worst[0].value)
    none = findings(None, no_feedback="the policy cannot be bounded; set audit.feedback.reporting.")
    assert {(one.check, one.state) for one in none} == {(name, State.INSUFFICIENT) for name in LIMITS}
    assert all("set audit.feedback.reporting" in sentence(one) for one in none)


def test_one_replicate_has_no_interval_and_so_no_pass():
    found = findings(outcome(reporting=0.9, replicates=1))
    assert found[0].state is State.INSUFFICIENT


@pytest.mark.parametrize(
    "wrong",
    [
        {"periods": 0},
        {"every": 30},
        {"replicates": 0},
        {"memory": 0},
        {"reporting": 1.2},
        {"reporting": {"a": -1}},
        {"exploration": 2},
        {"level": 1},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match=r"audit\.feedback needs"):
        replace(QUICK, **wrong)
