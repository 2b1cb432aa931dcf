import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.domain.errors import InputError
from ilp_models.stats.ranking import Ranking, flag_top_share

COUNTS = st.integers(0, 4).map(float)


@st.composite
def cities(draw):
    """Few different counts and areas, so that ties are common."""
    cells, periods = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    expected = draw(arrays(float, (cells, periods), elements=COUNTS))
    return expected, draw(arrays(float, cells, elements=st.sampled_from([0.5, 1.0, 2.0, 3.0])))


def test_last_cell_is_flagged_in_part():
    fractions = flag_top_share(np.array([[5.0], [4.0], [3.0], [2.0]]), np.full(4, 250_000.0), 0.4)
    assert fractions.ravel() == pytest.approx([1.0, 0.6, 0.0, 0.0])


def test_cells_rank_by_events_per_square_metre():
    # 3 events on 4 m2 are fewer per m2 than 1 event on 1 m2
    fractions = flag_top_share(np.array([[3.0], [1.0]]), np.array([4.0, 1.0]), 0.2)
    assert fractions.ravel() == pytest.approx([0.0, 1.0])


def test_ties_share_the_rest_in_proportion_to_area():
    # 4 of 8 m2: the first cell takes 1, the tied cells of 2 and 4 m2 share 3 of their 6 m2
    expected, area = np.array([[9.0], [2.0], [4.0], [0.0]]), np.array([1.0, 2.0, 4.0, 1.0])
    fractions = flag_top_share(expected, area, 0.5)
    assert fractions.ravel() == pytest.approx([1.0, 0.5, 0.5, 0.0])
    assert area @ fractions == pytest.approx([4.0])


def test_rounding_errors_are_ties():
    expected = np.array([[0.1 + 0.2], [0.3]])
    assert flag_top_share(expected, np.ones(2), 0.5).ravel() == pytest.approx([0.5, 0.5])


def test_projection_scale_does_not_change_the_ranking_of_squares():
    area = 250_000 * np.linspace(0.9996, 1.0004, 8)
    even = flag_top_share(np.ones((8, 1)), area, 0.25)
    assert even.ravel() == pytest.approx(0.25)
    ranked = flag_top_share(np.array([[1.0], [1.0001], *[[0.0]] * 6]), area, 0.125)
    assert ranked.ravel()[1] == pytest.approx(1, abs=1e-3)  # though the first is smaller by more than a ten thousandth
    assert area @ ranked == pytest.approx(0.125 * area.sum())


def test_periods_are_ranked_separately():
    expected = np.array([[2.0, 0.0], [1.0, 3.0]])
    assert flag_top_share(expected, np.ones(2), 0.5) == pytest.approx(np.eye(2))


@given(cities(), st.floats(0, 1))
def test_exactly_the_share_of_densest_land_is_flagged(city, share):
    expected, area = city
    fractions = flag_top_share(expected, area, share)
    assert area @ fractions == pytest.approx(np.full(expected.shape[1], share * area.sum()))
    assert ((fractions >= 0) & (fractions <= 1)).all()
    density = expected / area[:, None]
    for period in range(expected.shape[1]):
        touched, spared = fractions[:, period] > 0, fractions[:, period] < 1
        if touched.any() and spared.any():
            assert density[touched, period].min() >= density[spared, period].max()


@given(cities(), st.floats(0, 1), st.floats(0, 1))
def test_more_land_never_unflags_a_cell(city, one, other):
    ranking = Ranking.from_expected(*city)
    assert (ranking.flagged(min(one, other)) <= ranking.flagged(max(one, other)) + 1e-12).all()


@given(cities(), st.floats(0, 1), st.randoms())
def test_order_of_the_cells_does_not_matter(city, share, random):
    expected, area = city
    order = list(range(len(area)))
    random.shuffle(order)
    assert flag_top_share(expected[order], area[order], share) == pytest.approx(
        flag_top_share(expected, area, share)[order]
    )


def test_map_flags_whole_cells_up_to_the_share():
    ranking = Ranking.from_expected(np.array([[1.0], [5.0], [1.0], [1.0]]), np.ones(4))
    assert ranking.whole(0.74).ravel().tolist() == [True, True, False, False]
    assert ranking.whole(0.75).ravel().tolist() == [True, True, True, False]
    assert not ranking.whole(0.24).any()


@given(cities(), st.floats(0, 1))
def test_map_never_flags_more_than_the_share_nor_outside_it(city, share):
    expected, area = city
    ranking = Ranking.from_expected(expected, area)
    whole = ranking.whole(share)
    assert (area @ whole <= share * area.sum() * (1 + 1e-8)).all()
    assert (ranking.flagged(share)[whole] > 0).all()


@pytest.mark.parametrize(
    ("expected", "area", "share", "message"),
    [
        (np.ones((2, 1)), np.ones(3), 0.1, "areas of the same grid"),
        (np.ones(2), np.ones(2), 0.1, "one crime type"),
        (np.ones((2, 1)), np.array([1.0, 0.0]), 0.1, "above 0 m2"),
        (np.array([[np.nan], [1.0]]), np.ones(2), 0.1, "finite"),
        (np.ones((2, 1)), np.ones(2), 5.0, "0.05"),
    ],
)
def test_invalid_input_is_refused(expected, area, share, message):
    with pytest.raises(InputError, match=message):
        flag_top_share(expected, area, share)
