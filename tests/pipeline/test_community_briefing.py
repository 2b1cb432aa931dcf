"""The words on rising and falling crime of neighbourhoods."""

import numpy as np
import pandas as pd

from ilp_models.pipeline.community_briefing import with_trend


def words(counts):
    """Return the words of areas from their counts by period, the quarter before first."""
    half = counts.shape[1] // 2
    table = pd.DataFrame({"recent": counts[:, half:].sum(axis=1), "before": counts[:, :half].sum(axis=1)})
    return with_trend(table, pd.DataFrame(counts))


def test_steady_neighbourhoods_are_rarely_called_rising_or_falling():
    counts = np.random.default_rng(1).poisson(3.0, (150, 26)).astype(float)
    table = words(counts)
    assert (table["trend_words"] == "no change shown").sum() >= 149
    outside = (table["trend_low"] > 1) | (table["trend_high"] < 1)
    assert outside.sum() > 2  # single intervals would have called these a change


def test_a_real_rise_among_many_is_named():
    rng = np.random.default_rng(2)
    counts = rng.poisson(3.0, (60, 26)).astype(float)
    counts[7, 13:] += rng.poisson(6.0, 13)
    table = words(counts)
    assert table.loc[7, "trend_words"] == "rising"
    assert (table["trend_words"] != "no change shown").sum() <= 2


def test_without_records_nothing_is_known():
    assert set(words(np.full((3, 26), np.nan))["trend_words"]) == {"not known"}


def test_counts_that_vary_more_than_chance_widen_the_interval():
    steady, wild = np.full((1, 26), 10.0), np.tile([2.0, 18.0], 13)[None]
    narrow, wide = words(steady), words(wild)
    assert (
        wide["trend_high"].iloc[0] / wide["trend_low"].iloc[0]
        > narrow["trend_high"].iloc[0] / narrow["trend_low"].iloc[0]
    )
