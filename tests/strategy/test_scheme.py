from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilp_models.domain.errors import InputError
from ilp_models.strategy.groups.scheme import GroupScheme, exact
from tests.strategy.group_files import completions, plain_scheme

MARK = {"name": "violence", "definition": "Uses violence.", "weight": 1}
# Weight of each attribute of a published rank-weighted scheme, as quoted by a second source; the names are shortened.
RANKED = {
    **{"corruption": 19, "violence": 18, "infiltration": 17, "expertise": 16, "sophistication": 15, "subversion": 14},
    **{"strategy": 13, "discipline": 12, "insulation": 11, "intelligence use": 10, "enterprises": 9, "mobility": 8},
    **{"stability": 7, "scope": 6, "monopoly": 5, "cohesiveness": 4, "continuity": 3, "links": 2, "extremist links": 1},
}


@pytest.fixture
def ranked():
    marks = [{"name": name, "definition": "As published.", "weight": weight} for name, weight in RANKED.items()]
    return GroupScheme("rank_weighted", marks, {"nil": 0, "low": 1, "medium": 2, "high": 4})


@pytest.mark.parametrize(("points", "score"), [(0, 0), (1, 190), (2, 380), (4, 760)])
def test_bounds_of_the_rank_weighted_scheme(ranked, points, score):
    assert ranked.aggregate(dict.fromkeys(RANKED, points)) == score


def test_worked_case_of_the_rank_weighted_scheme(ranked):
    known = {"monopoly": ranked.points("high"), "intelligence use": ranked.points("medium"), "violence": 1}
    assert [RANKED[name] * points for name, points in known.items()] == [20, 20, 18]
    points = {**dict.fromkeys(RANKED), **known}
    assert ranked.score_range(points) == (58, 686)
    # the scheme as published takes 2 for unknown, which no reader can tell from medium
    assert ranked.aggregate({name: 2 if value is None else value for name, value in points.items()}) == 372
    assert ranked.score_range(dict.fromkeys(RANKED)) == ranked.bounds == (0, 760)


def test_a_mean_of_means_is_averaged_before_it_is_rounded():
    marks = [
        {**MARK, "name": "a", "component": "one"},
        {**MARK, "name": "b", "component": "one"},
        {**MARK, "name": "c", "component": "two", "weight": 2},
        {**MARK, "name": "d", "component": "two", "weight": 1},
    ]
    scheme = GroupScheme("means", marks, [1, 10, 0.5], "mean_of_means", decimals=2)
    points = {"a": 1, "b": "1.5", "c": 10, "d": 2.5}
    assert scheme.component_means(points) == {"one": Fraction(5, 4), "two": Fraction(15, 2)}
    assert scheme.aggregate(points) == Fraction(35, 8)  # 4.375
    assert scheme.rounded(scheme.aggregate(points)) == Decimal("4.38")
    assert scheme.bounds == (1, 10)


def test_a_numeric_scale_holds_its_steps_and_nothing_between():
    scheme = GroupScheme("index", [MARK], [1, 10, 0.5])
    assert len(scheme.levels) == 19
    assert scheme.points(" 2.5 ") == scheme.points("2,5") == Fraction(5, 2)
    assert scheme.points("Unknown") is None
    for text in ("2.4", "0.5", "10.5", "nan", "inf", "1e400", "high", "", "5/2", "True"):
        with pytest.raises(KeyError):
            scheme.points(text)


@given(st.lists(st.sampled_from([None, 0, 1, 2, 4]), min_size=3, max_size=3), st.booleans())
def test_the_range_is_that_of_all_completions(points, means):
    scheme = plain_scheme([3, 1, 2], aggregation="mean_of_means" if means else "weighted_sum")
    scores = [
        scheme.aggregate(dict(zip(scheme.names, values, strict=True))) for values in completions(points, (0, 1, 2, 4))
    ]
    assert scheme.score_range(dict(zip(scheme.names, points, strict=True))) == (min(scores), max(scores))


@pytest.mark.parametrize("aggregation", ["weighted_sum", "mean_of_means"])
def test_drawn_weights_keep_the_bounds_and_spread_as_declared(aggregation):
    marks = [{**MARK, "name": f"m{at}", "weight": at + 1, "component": "ab"[at > 1]} for at in range(4)]
    scheme = GroupScheme("drawn", marks, aggregation=aggregation, weight_spread=0.3)
    weights = scheme.draw_weights(20_000, np.random.default_rng(1))
    total = scheme.declared_weights().sum()
    np.testing.assert_allclose(weights.sum(axis=1), total)
    # the ratio of two weights of one component is log-normal, with twice the variance
    ratio = np.log(weights[:, 1] / weights[:, 0])
    assert ratio.mean() == pytest.approx(np.log(2), abs=0.01)
    assert ratio.std() == pytest.approx(0.3 * np.sqrt(2), rel=0.02)
    exact_weights = GroupScheme("exact", marks, aggregation=aggregation, weight_spread=0).draw_weights(
        3, np.random.default_rng(1)
    )
    np.testing.assert_allclose(exact_weights, np.tile(scheme.declared_weights(), (3, 1)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"aggregation": "product"}, "scheme.aggregation='product' is unknown"),
        ({"attributes": []}, "has 0 entries"),
        ({"attributes": [{**MARK, "weight": -1}]}, r"scheme.attributes\[0\] \(violence\) has the weight -1"),
        ({"attributes": [{**MARK, "weight": float("nan")}]}, "has the weight nan"),
        ({"attributes": [{**MARK, "weight": True}]}, "has the weight True"),
        ({"attributes": [{**MARK, "weight": 0}]}, "has the weight 0"),
        ({"attributes": [{"name": "violence", "definition": "Uses violence."}]}, "has the weight None"),
        ({"attributes": [{**MARK, "definition": ""}]}, "has no definition"),
        ({"attributes": [{**MARK, "name": "=1+1"}]}, "no name that begins with a letter"),
        ({"attributes": [{**MARK, "colour": "red"}]}, "unknown key colour"),
        ({"attributes": ["violence"]}, "is not a mapping"),
        ({"attributes": [MARK, {**MARK, "name": "Violence"}]}, "'violence' twice"),
        ({"scale": {"nil": 0}}, "has one value"),
        ({"scale": {"high": 4, "low": 1}}, "does not rise"),
        ({"scale": {"nil": -1, "low": 1}}, r"scheme.scale.nil=-1"),
        ({"scale": {"unknown": 1, "low": 2}}, "unknown has none"),
        ({"scale": {"nil": "nan", "low": 2}}, "scheme.scale.nil=nan"),
        ({"scale": [1, 10]}, "is not a scale"),
        ({"scale": [1, 10, 0.7]}, "is not a scale"),
        ({"scale": [0, 1, 0.001]}, "1001 values"),
        ({"decimals": 2.5}, "scheme.decimals"),
        ({"weight_spread": -0.1}, "scheme.weight_spread"),
        ({"weight_spread": float("inf")}, "scheme.weight_spread"),
        (
            {"aggregation": "mean_of_means", "attributes": [{**MARK, "component": "a"}, {**MARK, "name": "b"}]},
            "b has no component",
        ),
    ],
)
def test_a_scheme_that_cannot_be_applied_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        GroupScheme(**changes)


def test_numbers_are_read_as_they_are_written():
    assert exact(0.1) == exact("0.1") == exact(np.float64(0.1)) == Fraction(1, 10)
    assert [exact(value) for value in (None, True, "1/3", "x", float("nan"), np.True_)] == [None] * 6


def test_a_score_needs_every_attribute():
    with pytest.raises(InputError, match="Use score_range"):
        plain_scheme([1, 1]).aggregate({"mark 0": 1, "mark 1": None})
