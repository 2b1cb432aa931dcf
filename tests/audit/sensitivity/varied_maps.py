"""Small maps for changes of audit settings."""

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ilp_models.audit.check_context import CheckContext, CheckOptions, MinEvidence
from ilp_models.audit.residents import Residents
from ilp_models.audit.sensitivity.flagged_map import flagged_overlap
from ilp_models.domain.finding import Limit
from ilp_models.stats.bootstrap import Bootstrap
from tests.builders import replay_of, square_grid

LIMITS = {"reporting_sensitivity": Limit(warn_below=0.8, fail_below=0.6), "areal_unit": Limit(warn_above=0, neutral=0)}


def lives(share, total=100.0, dimension="income", groups=("low", "rest")):
    by_group = np.column_stack([share, 1 - np.asarray(share)]) * total
    return Residents(dimension, groups, by_group, by_group.sum(axis=1), by_group, 0.0)


def evidence(expected=None, observed=None, residents=None, **settings):
    rng = np.random.default_rng(3)
    expected = rng.gamma(2, 1, (2, 36, 16)) if expected is None else expected
    grid = square_grid(6, 6)
    replay = replay_of(expected, rng.poisson(expected) if observed is None else observed)
    cells = replay.expected.indexes["cell"]
    parents = settings.pop("parents", pd.DataFrame({"beat": [f"b{cell // 4}" for cell in range(36)]}))
    people = (lives(np.linspace(0.1, 0.9, 36)),) if residents is None else residents
    given = {"limits": LIMITS, "land_share": 0.25, "rank_by": "count", "floor": 0.01, **settings}
    return CheckContext(
        replay=replay, baseline=replay, grid=replace(grid, cells=cells, parents=parents), explanation=None,
        features=None, min_evidence=MinEvidence(), bootstrap=Bootstrap(draws=200), residents=people, **given,
    )  # fmt: skip


def with_options(context, **options):
    return replace(context, options=CheckOptions(**options))


def value(table, setting, measure, crime_type="all", group="", column="value"):
    rows = table[(table["setting"] == setting) & (table["measure"] == measure) & (table["crime_type"] == crime_type)]
    return rows.loc[rows["group"] == group, column].item()


def jaccard(first, second, area):
    both, either = (one.sum(axis=0) for one in flagged_overlap(first, second, area))
    return both / either


flags = arrays(float, (2, 5, 3), elements=st.floats(0, 1))
