"""All published aggregates of the Global Organized Crime Index, GI-TOC, 2021 and 2023, from its indicators.

The data are not part of the project, because their publisher has to be asked first.
"""

import os
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest

from ilp_models.stats.rounding import round_half_up
from ilp_models.strategy.groups.scheme import GroupScheme

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("ILP_SHARED_DATA", ROOT.parent / "shared" / "data")) / "gitoc_index"
PARTS = {
    "criminal_markets": ("criminal_markets",),
    "criminal_actors": ("criminal_actors",),
    "criminality": ("criminal_markets", "criminal_actors"),
    "resilience": ("resilience",),
}
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the index is not in this checkout")


@pytest.fixture(scope="module")
def published():
    """Return the rows of scores as text."""
    return pd.read_csv(FOLDER / "scores.csv", dtype=str, keep_default_na=False)


def scheme_of(year, aggregate):
    indicators = pd.read_csv(FOLDER / "indicators.csv")
    own = indicators[(indicators[f"in_{year}"] == 1) & indicators["component"].isin(PARTS[aggregate])]
    marks = [
        {"name": row.indicator, "definition": "As published.", "weight": 1, "component": row.component}
        for row in own.itertuples()
    ]
    return GroupScheme(f"index_{year}", marks, [1, 10, 0.5], "mean_of_means", decimals=2)


def scores_of(published, year, aggregate):
    scheme = scheme_of(year, aggregate)
    rows = published[published["year"] == str(year)]
    points = [{name: scheme.points(row[name]) for name in scheme.names} for row in rows.to_dict("records")]
    return scheme, rows[aggregate], [scheme.aggregate(one) for one in points]


@pytest.mark.parametrize("year", [2021, 2023])
@pytest.mark.parametrize("aggregate", PARTS)
def test_every_published_aggregate_is_reproduced(published, year, aggregate):
    scheme, printed, scores = scores_of(published, year, aggregate)
    assert len(scores) == 193
    assert [str(scheme.rounded(score)) for score in scores] == [f"{Decimal(text):.2f}" for text in printed]


def test_there_are_1544_and_half_even_rounding_would_miss_some(published):
    parts = [scores_of(published, year, aggregate) for year in (2021, 2023) for aggregate in PARTS]
    pairs = [(score, text) for _, printed, scores in parts for score, text in zip(scores, printed, strict=True)]
    assert len(pairs) == 1544
    ties = [score for score, _ in pairs if (score * 1000) % 10 == 5 and (score * 1000).denominator == 1]
    assert len(ties) == 221
    assert sum(Decimal(text) != Decimal(str(round(float(score), 2))) for score, text in pairs) > 50


@pytest.mark.parametrize(
    ("aggregate", "mean"),
    [("criminality", "5.03"), ("criminal_markets", "4.88"), ("criminal_actors", "5.19"), ("resilience", "4.81")],
)
def test_the_means_over_all_countries_are_those_of_the_methodology(published, aggregate, mean):
    scores = scores_of(published, 2023, aggregate)[2]
    assert str(round_half_up(sum(scores, Fraction()) / len(scores), 2)) == mean
