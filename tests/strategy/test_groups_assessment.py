"""Tables and sentences of an assessment."""

import numpy as np
import pytest

from ilp_models.strategy.groups.assessment import GroupAssessment
from ilp_models.strategy.rank_draws import RankDraws
from tests.strategy.group_files import SCORES, SMALL, matrix_of, plain_scheme

WORDS = {"nil": 0, "low": 1, "medium": 2, "high": 4, "unknown": None}


def assessed(points, scheme=SMALL, **how):
    return GroupAssessment.from_matrix(matrix_of(scheme, points), RankDraws(**{"draws": 4000, **how}))


@pytest.fixture
def example():
    return assessed([[[WORDS[word] for word in words] for words in one.values()] for one in SCORES.values()])


def test_the_table_of_groups_by_hand(example):
    table = example.to_frame().set_index("group")
    assert list(table.index) == ["G01", "G02", "G03"]
    assert table[["rank_from", "rank_to"]].to_numpy().tolist() == [[1, 1], [2, 2], [3, 3]]
    assert table[["score_low", "score_high"]].to_numpy().tolist() == [[14, 16], [3, 7], [1, 1]]
    assert table["unknown"].tolist() == [0, 1, 0]
    assert table["scorers_differ"].tolist() == [1, 0, 0]
    assert table["p_first"].tolist() == [1, 0, 0]
    assert table["low_confidence"].tolist() == [0, 0, 0]


def test_the_pairs_name_the_more_probable_order_and_ties():
    pairs = assessed([[[2, 2]] * 2, [[2, None]] * 2, [[0, 0]] * 2]).pairs()
    assert pairs[["group", "other"]].to_numpy().tolist() == [["G01", "G02"], ["G01", "G03"], ["G02", "G03"]]
    assert pairs["verdict"].tolist() == ["tie", "outranks", "outranks"]
    # reach of G02 is 0, 1, 2 or 4: two below, one equal, one above
    assert pairs["p_outranks"][0] == pytest.approx(0.625, abs=0.03)
    assert (pairs["p_outranks"] >= 0.5).all()


def test_the_conclusion_says_who_is_first_or_that_no_evidence_separates(example):
    first, counts, piece = example.conclusions
    assert first == "G01 ranks first: it outranks each other group with a probability of 90 % or more."
    assert counts.startswith("3 of 3 pairs of groups are separated, and 0 are ties.")
    assert "1 of 6 attributes of groups are not known to all scorers" in piece
    tied = assessed([[[2, 2]] * 2, [[2, None]] * 2, [[0, 0]] * 2])
    assert tied.conclusions[0].startswith("No evidence separates G01 and G02 at the top")
    assert tied.conclusions[2].endswith("reach of G02 (not known).")
    assert repr(tied).startswith("Judgements about groups. Not to be used against a person.")
    assert "<table" in tied._repr_html_()


def test_one_group_has_no_ranking():
    alone = assessed([[[2, None]] * 2])
    assert alone.conclusions[0] == "G01 is the only group, so there is no ranking."
    assert alone.pairs().empty
    assert alone.requirements_frame()["bits"].tolist() == [0]


def test_everything_known_and_agreed_leaves_no_requirement():
    table = assessed([[[2, 2]] * 2, [[1, 1]] * 2]).requirements_frame()
    assert list(table.columns)[:3] == ["group", "attribute", "kind"]
    assert table.empty


def test_groups_without_any_known_score_are_tied_over_the_whole_scale():
    nothing = assessed([[[None, None]] * 2] * 2, plain_scheme([1, 1], spread=0.3))
    table = nothing.to_frame()
    assert table[["score_low", "score_high"]].to_numpy().tolist() == [[0, 8], [0, 8]]
    assert table["rank_to"].tolist() == [2, 2]
    assert np.isnan(table["low_confidence"]).all()
