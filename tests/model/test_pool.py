import json
from dataclasses import replace

import lightgbm
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from ilp_models.domain.errors import InputError, NotRunError, StorageError
from ilp_models.model.regressions.lightgbm import BinnedRegressor
from ilp_models.model.regressions.pool import PooledModel, newest_model, pool_digest
from ilp_models.model.regressions.pooled_rows import rows_of_lead
from tests.model.test_training_sample import sample_of

CUTOFF = pd.Timestamp("2020-01-06")


def learner():
    return BinnedRegressor(
        objective="poisson", n_estimators=4, min_child_samples=10, deterministic=True, force_row_wise=True, verbosity=-1
    )


def fit(*samples, cutoff=CUTOFF, leads=1, **settings):
    return PooledModel.fit(samples, cutoff, [learner() for _ in range(leads)], **settings)


@pytest.fixture(scope="module")
def samples():
    return sample_of(400), sample_of(300, "south", crime_types=("burglary", "theft"))


def test_trees_are_those_of_one_fit_to_all_rows_with_an_indicator_of_each_shared_type(samples):
    pooled = fit(*samples)
    assert pooled.crime_types == ("burglary", "robbery", "theft")
    values, target, weight, offset = [], [], [], []
    for one in samples:
        rows = one.lead == 1
        names = np.array(one.crime_types)[one.crime_type[rows]]
        values.append(np.column_stack([names[:, None] == list(pooled.crime_types), one.values[rows]]))
        target.append(one.target[rows])
        weight.append(one.weight[rows])
        offset.append(np.exp(one.log_offset[rows]))
    x, y, w, o = (np.concatenate(part).astype(np.float32) for part in (values, target, weight, offset))
    oracle = lightgbm.LGBMRegressor(**learner().get_params()).fit(x, y / o, sample_weight=o * w)
    trees = lightgbm.Booster(model_str=pooled.trees[0])
    np.testing.assert_allclose(trees.predict(x), oracle.predict(x), rtol=1e-6)


@pytest.mark.slow
def test_files_in_blocks_give_the_trees_of_one_matrix_also_above_the_rows_that_bins_are_made_from(tmp_path):
    samples = sample_of(240_000), sample_of(230_000, "south", crime_types=("burglary", "theft"))
    for seed in (None, 0, 5, 123_456_789):
        settings = {"n_estimators": 3, "max_bin": 31, "random_state": seed, "subsample_for_bin": 200_000}
        one = learner().set_params(**settings)
        files = [tmp_path / f"{sample.jurisdiction}.parquet" for sample in samples]
        for sample, file in zip(samples, files, strict=True):
            sample.write(file)
        pooled = PooledModel.fit(files, CUTOFF, [one])
        blocks, rates, weights = rows_of_lead(samples, pooled.crime_types, 1)
        matrix = np.concatenate([block[0 : len(block)] for block in blocks])
        assert len(matrix) > settings["subsample_for_bin"]
        whole = clone(one).fit_bins(clone(one).bins(matrix, rates, weights))
        assert pooled.trees[0] == whole.booster_.model_to_string()


def test_the_order_of_samples_changes_nothing_and_each_lead_has_its_trees(samples):
    one, other = fit(*samples, leads=2), fit(*samples[::-1], leads=2)
    assert one == other
    assert one.trees[0] != one.trees[1]


def test_a_sample_from_after_the_cutoff_is_refused(samples):
    later = replace(samples[1], cutoff=pd.Timestamp("2020-01-13"))
    with pytest.raises(InputError, match=r"The sample of 'south' is of 2020-01-13 .* after the cutoff 2020-01-06"):
        fit(samples[0], later)
    assert fit(samples[0], later, cutoff=later.cutoff).cutoff == later.cutoff  # older samples may contribute


def test_other_features_calendars_and_labels_are_refused(samples):
    north, south = samples
    with pytest.raises(InputError, match=r"'south' has other features than 'north' \(more: mean_9; missing: mean_4\)"):
        fit(north, replace(south, columns=("mean_9", "lead")))
    with pytest.raises(InputError, match=r"in another order"):
        fit(north, replace(south, columns=("lead", "mean_4")))
    with pytest.raises(InputError, match=r"'south' counts days, that of 'north' weeks"):
        fit(north, replace(south, period_unit="day"))
    with pytest.raises(InputError, match=r"Two samples are of the jurisdiction 'north'"):
        fit(north, replace(south, jurisdiction="north"))
    with pytest.raises(InputError, match=r"No jurisdiction contributes"):
        fit()
    with pytest.raises(InputError, match=r"No sample has rows of lead 3"):
        fit(north, south, leads=3)


def test_a_stored_model_is_text_and_is_read_as_it_was(samples, tmp_path):
    pooled = fit(*samples, leads=2, left_out={"west": "Its records are tainted."})
    folder = pooled.write(tmp_path / "pool")
    assert sorted(path.name for path in folder.iterdir()) == ["lead-1.txt", "lead-2.txt", "pool.json"]
    assert [path.name for path in (tmp_path / "pool").iterdir()] == ["2020-01-06T000000"]
    assert PooledModel.read(folder) == pooled
    facts = json.loads((folder / "pool.json").read_text())
    assert facts["left_out"] == {"west": "Its records are tainted."}
    assert [one["jurisdiction"] for one in facts["jurisdictions"]] == ["north", "south"]
    other = fit(samples[0], leads=2)
    assert PooledModel.read(other.write(tmp_path / "pool")) == other  # replaces it


def test_a_fit_takes_the_newest_model_that_was_known(samples, tmp_path):
    cutoffs = [pd.Timestamp(day) for day in ("2020-01-06", "2020-03-02", "2021-01-04")]
    for cutoff in cutoffs:
        fit(*samples, cutoff=cutoff).write(tmp_path)
    for cutoff, days in ((cutoffs[0], 0), (cutoffs[0], 10), (cutoffs[1], 0), (cutoffs[2], 500)):
        assert newest_model(tmp_path, cutoff + pd.Timedelta(days=days)).cutoff == cutoff
    with pytest.raises(NotRunError, match=r"oldest pooled model in .* is of 2020-01-06 .* after the cutoff 2020-01-05"):
        newest_model(tmp_path, pd.Timestamp("2020-01-05"))
    with pytest.raises(InputError, match=r"^pool=.*empty has no pooled model\. Train one with ilp\.train_pooled"):
        newest_model(tmp_path / "empty", CUTOFF)


def test_a_model_that_was_changed_renamed_or_cut_is_refused(samples, tmp_path):
    folder = fit(*samples).write(tmp_path)
    digest = pool_digest(tmp_path)
    trees, text = folder / "lead-1.txt", (folder / "lead-1.txt").read_text()
    trees.write_text(text.replace("leaf_value=", "leaf_value=9", 1))
    with pytest.raises(StorageError, match=r"trees in .* were changed: their digest differs"):
        newest_model(tmp_path, CUTOFF)
    trees.write_text(text)
    later = folder.rename(tmp_path / "2020-02-03T000000")
    with pytest.raises(StorageError, match=r"holds a model of 2020-01-06 .* the folder was renamed"):
        newest_model(tmp_path, pd.Timestamp("2020-03-02"))
    facts = later / "pool.json"
    facts.write_text(facts.read_text().replace("lead-1.txt", "../lead-1.txt"))
    assert pool_digest(tmp_path) != digest
    with pytest.raises(StorageError, match=r"outside the folder"):
        PooledModel.read(later)
    for broken in ("{", "[]", '{"format": 7}', "[" * 100_000):
        facts.write_text(broken)
        with pytest.raises(StorageError, match=r"pool\.json cannot be read .* Train the pooled model again"):
            PooledModel.read(later)
