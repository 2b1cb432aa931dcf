from dataclasses import replace

import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.scoring.confidence_set import confidence_set
from tests.scoring.score_tables import noisy_losses, table_of

LOSSES = noisy_losses({"best": 0.0, "near": 0.005, "worse": 0.1, "worst": 0.3})


def inside(table):
    return set(table.loc[table["inside"], "forecaster"])


def test_significantly_worse_forecasters_are_excluded():
    table = confidence_set(table_of(LOSSES))
    assert table.columns.tolist() == ["forecaster", "lead", "crime_type", "p_value", "inside"]
    assert table["forecaster"].tolist() == list(LOSSES)
    assert inside(table) == {"best", "near"}
    assert table["p_value"].max() == 1.0


def test_larger_is_better_scores_keep_the_largest():
    assert inside(confidence_set(table_of(LOSSES, "pai_05"), score="pai_05")) == {"worst"}


def test_same_seed_gives_the_same_set():
    assert confidence_set(table_of(LOSSES)).equals(confidence_set(table_of(LOSSES)))


def test_equal_forecasters_share_a_p_value_and_constant_losers_are_excluded():
    twins = {**LOSSES, "twin": LOSSES["near"], "shifted": LOSSES["best"] + 0.2}
    table = confidence_set(table_of(twins)).set_index("forecaster")
    assert table.loc["twin", "p_value"] == table.loc["near", "p_value"]
    assert table.loc["shifted", "p_value"] == 0.0
    alone = confidence_set(table_of({"a": LOSSES["best"], "b": LOSSES["best"]}))
    assert alone["p_value"].tolist() == [1.0, 1.0]
    assert inside(confidence_set(table_of({"a": LOSSES["best"]}))) == {"a"}


def test_too_few_periods_exclude_no_forecaster():
    table = confidence_set(table_of({name: values[:51] for name, values in LOSSES.items()}))
    assert table["p_value"].isna().all()
    assert table["inside"].all()


def test_blocks_are_as_long_as_the_lead():
    table = confidence_set(table_of(LOSSES, lead=5), lead=5)
    late = confidence_set(replace(table_of(LOSSES), delay=4))
    assert table["p_value"].isna().all()  # 52 periods hold thirteen blocks of 4, not of 5
    assert late["p_value"].isna().all()


@pytest.mark.slow
def test_best_forecaster_is_inside_with_the_stated_probability():
    kept = 0
    for seed in range(60):
        losses = noisy_losses({"best": 0.0, "near": 0.01, "far": 0.05}, seed=seed)
        kept += "best" in inside(confidence_set(table_of(losses), size=0.1))
    assert kept / 60 >= 0.9 - 3 * np.sqrt(0.09 / 60)


def test_size_out_of_range_is_refused():
    with pytest.raises(InputError, match="size=10"):
        confidence_set(table_of(LOSSES), size=10)
