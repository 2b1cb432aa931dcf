"""Urns and patrolled areas: stated shares, closed forms and properties."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError

FOLDER = Path(__file__).parents[3] / "experiments" / "feedback-urns"
UPDATES = ("naive", "reject", "weight")


def load_script(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


urns, patrolled_areas = load_script("urns"), load_script("patrolled_areas")
Urn, simulate_urns = urns.Urn, urns.simulate_urns
PatrolledAreas, simulate_areas = patrolled_areas.PatrolledAreas, patrolled_areas.simulate_areas


def shares(urn, days, runs=1000, seed=0):
    counts = simulate_urns(urn, days, runs, seed)
    return counts / counts.sum(axis=2, keepdims=True)


@pytest.fixture(scope="module")
def experiment():
    return load_script("run")


@pytest.mark.slow
def test_a_naive_urn_runs_away_and_a_corrected_one_does_not():
    assert 0.86 < shares(Urn((0.6, 0.4), (10, 10)), [10_000])[0, :, 0].mean() < 0.90
    for update in ("reject", "weight"):
        mean = shares(Urn((0.6, 0.4), (10, 10), update), [10_000])[0, :, 0].mean()
        assert mean == pytest.approx(0.6, abs=0.01)


@pytest.mark.slow
def test_after_100000_days_the_naive_urn_is_further_and_not_yet_at_one():
    assert 0.93 < shares(Urn((0.6, 0.4), (10, 10)), [100_000])[0, :, 0].mean() < 0.96
    for update in ("reject", "weight"):
        mean = shares(Urn((0.6, 0.4), (10, 10), update), [100_000], runs=300)[0, :, 0].mean()
        assert mean == pytest.approx(0.6, abs=0.005)


@pytest.mark.slow
def test_shares_stated_for_two_areas_are_met(experiment):
    table = experiment.shares([100, 1000, 10_000], runs=1000).dropna(subset="stated")
    assert (table["met"] == "yes").all(), table[table["met"] == "no"]
    assert len(table) == 29


@pytest.mark.slow
def test_what_is_stated_of_many_areas_is_met_but_for_how_many_are_ever_patrolled(experiment):
    table = experiment.areas()
    missed = table[table["met"] == "no"]
    assert set(missed["measure"]) == {"seen"}
    assert set(missed["exploration"]) == {0.0}
    stored = experiment.FOLDER / "areas.csv"
    assert table.to_csv(index=False, float_format="%.4f", lineterminator="\n") == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize(("reported", "limit", "after", "tolerance"), [
    (0.75, 0.6158, 0.6158, 0.003),
    (0.5, 0.6458, 0.6443, 0.003),
    (0.1, 0.8409, 0.800, 0.006),
])  # fmt: skip
def test_reports_bring_the_limit_near_to_the_truth(reported, limit, after, tolerance):
    urn = Urn((0.6, 0.4), (10, 10), reported=reported)
    assert urn.limit == pytest.approx(limit, abs=5e-5)
    assert shares(urn, [20_000], runs=300)[0, :, 0].mean() == pytest.approx(after, abs=tolerance)


def test_limits_without_reports_are_all_or_nothing_and_the_truth_with_a_correction():
    assert Urn((0.6, 0.4), (1, 1)).limit == 1
    assert Urn((0.4, 0.6), (1, 1)).limit == 0
    assert np.isnan(Urn((0.4, 0.4), (1, 1)).limit)
    assert Urn((0.4, 0.4), (1, 1), reported=0.5).limit == 0.5
    assert Urn((0.6, 0.4), (1, 1), "weight").limit == Urn((0.6, 0.4), (1, 1), reported=1).limit == 0.6


@given(st.floats(0.05, 1), st.floats(0.05, 1), st.floats(0.01, 1))
def test_the_limit_with_reports_lies_between_the_truth_and_all(first, second, reported):
    urn = Urn((first, second), (1, 1), reported=reported)
    truth, edge = first / (first + second), float(first >= second)
    assert min(truth, edge) - 1e-6 <= urn.limit <= max(truth, edge) + 1e-6
    assert urn.limit + Urn((second, first), (1, 1), reported=reported).limit == pytest.approx(1)


def test_equal_rates_freeze_where_chance_left_them():
    last = shares(Urn((1, 1), (1, 1)), [1000], runs=4000)[0, :, 0]
    assert last.mean() == pytest.approx(0.5, abs=4 * 12**-0.5 / 4000**0.5)
    assert last.std() == pytest.approx(12**-0.5, abs=0.01)  # of Beta(1, 1), 0.289
    assert np.abs(np.quantile(last, [0.1, 0.5, 0.9]) - [0.1, 0.5, 0.9]).max() < 0.035


def test_weights_find_the_rates_of_many_areas():
    rates = np.array([0.8, 0.4, 0.2, 0.6])
    mean = shares(Urn(rates, (10,) * 4, "weight"), [10_000], runs=300)[0].mean(axis=0)
    assert mean == pytest.approx(rates / rates.sum(), abs=0.01)


@pytest.mark.parametrize("update", UPDATES)
@pytest.mark.parametrize("reported", [0.0, 0.4])
def test_records_never_fall_and_one_seed_gives_the_same_runs(update, reported):
    urn = Urn((0.6, 0.4), (10, 10), update, reported)
    first = simulate_urns(urn, [1, 10, 100], 50, 7)
    assert (np.diff(first, axis=0) >= 0).all()
    assert (first >= 10).all()
    assert np.array_equal(first, simulate_urns(urn, [1, 10, 100], 50, 7))


@settings(max_examples=20)
@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 9)), min_size=2, max_size=6), st.sampled_from(UPDATES[::2]))
def test_shares_sum_to_one_and_an_area_without_incidents_gains_none(areas, update):
    rates, start = zip(*areas, strict=True)
    urn = Urn(rates, start, update, several=True)
    assert shares(urn, [30], runs=5).sum(axis=2) == pytest.approx(1)
    quiet = np.array(rates) == 0
    assert np.allclose(simulate_urns(urn, [30], 5)[0][:, quiet], np.array(start)[quiet])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rates": (0.1, 0.2, 0.3), "start": (1, 1, 1), "update": "reject"}, "two areas only"),
        ({"rates": (0.1,), "start": (1,)}, "two areas or more"),
        ({"rates": (0.1, 1.2), "start": (1, 1)}, "between 0 and 1"),
        ({"rates": (0.1, float("nan")), "start": (1, 1), "several": True}, "between 0 and inf"),
        ({"rates": (0.1, 0.2), "start": (1, 0)}, "starts above 0"),
        ({"rates": (0.1, 0.2), "start": (1, 1), "update": "drop"}, "unknown"),
        ({"rates": (0.1, 0.2), "start": (1, 1), "reported": 2}, "reported from 0 to 1"),
    ],
)
def test_an_urn_that_cannot_be_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Urn(**settings)


def test_weights_are_refused_where_nothing_could_ever_be_recorded():
    with pytest.raises(InputError, match="Nothing can correct"):
        PatrolledAreas("weight")
    for wrong in ({"patrolled": 20}, {"reporting": 1.5}, {"update": "reject"}):
        with pytest.raises(InputError):
            PatrolledAreas(**wrong)


def test_with_every_incident_recorded_patrols_do_not_matter():
    learned = simulate_areas(PatrolledAreas(reporting=1.0, weeks=400), runs=50)
    assert learned.distance.max() < 0.03
    assert learned.rank_correlation.mean() > 0.97


def test_the_limit_is_the_truth_where_all_but_nothing_is_unreported():
    urn = Urn(rates=(1.0, 0.5), start=(1, 1), update="naive", reported=1 - 1e-16 * 2)
    assert urn.limit == pytest.approx(2 / 3)
