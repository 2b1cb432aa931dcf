import numpy as np
import pytest

from ilp_models.report.last_map import plot_trend
from tests.report.front_pages import last_of


@pytest.mark.parametrize(("captured", "word"), [(0.25, "below"), (0.35, "inside"), (0.5, "above")])
def test_a_result_is_compared_with_the_usual_range(captured, word):
    text = last_of(captured=captured).sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert f"{100 * captured:.0f} % of the 200 recorded crimes, {word} the usual range of 30 % to 40 %" in text


def test_too_few_periods_give_no_range():
    assert last_of(usual=np.array([0.3, 0.4])).usual_range is None
    assert "is not known, because only 2 weeks were tested" in last_of(usual=np.array([0.3, 0.4])).sentence
    assert last_of(captured=float("nan")).sentence == "Nothing was recorded in the last week."


def test_the_trend_is_in_words_and_marks_the_issued_map():
    assert (
        last_of()
        .trend_text.replace("\N{NO-BREAK SPACE}", " ")
        .startswith(
            "Share of crime in the flagged areas of the backtest, by start of the week: 11 Oct 30 %, 18 Oct 31 %"
        )
    )
    labels = [line.get_label() for line in plot_trend(last_of()).axes[0].lines]
    assert labels == ["backtest", "map that was issued"]
    assert len(plot_trend(last_of(issued=False)).axes[0].lines) == 1
