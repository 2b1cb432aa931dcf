import numpy as np
import pytest

from ilp_models.domain.errors import InputError
from ilp_models.model.regressions.pooled_rows import head_of, rows_of_lead
from ilp_models.model.regressions.training_sample import TrainingSample
from tests.model.test_training_sample import sample_of

KINDS = ("burglary", "robbery", "theft")


@pytest.fixture
def files(tmp_path):
    names = ("east", "north", "south")
    for name in names:
        sample_of(40, name).write(tmp_path / name)
    return [tmp_path / name for name in names]


def test_rows_have_an_indicator_of_the_type_and_the_features_of_one_lead(files):
    sample = sample_of(40, "east")
    (rows, *_), rates, weights = rows_of_lead(files, KINDS, 2)
    own = sample.lead == 2
    kinds = np.array(sample.crime_types)[sample.crime_type[own]]
    np.testing.assert_array_equal(rows[0:20], np.column_stack([kinds[:, None] == KINDS, sample.values[own]]))
    np.testing.assert_array_equal(rates[:20], sample.target[own] / np.exp(sample.log_offset[own]))
    np.testing.assert_array_equal(weights[:20], np.exp(sample.log_offset[own]) * sample.weight[own])
    assert rows[3].dtype == np.float64  # LightGBM takes single rows as such
    np.testing.assert_array_equal(rows[3], rows[3:4][0])


def test_one_sample_at_a_time_is_in_memory(files, monkeypatch):
    read, original = [], TrainingSample.read
    monkeypatch.setattr(TrainingSample, "read", lambda path: read.append(path.name) or original(path))
    blocks, rates, _ = rows_of_lead(files, KINDS, 1)
    assert read == ["east", "north", "south"] * 2  # to count them, and for their rates
    held = blocks[0]._held
    for _ in ("rows that bins are made from", "all rows in blocks"):
        for block in blocks:
            block[0], block[1:5], block[5:]
            assert list(held) == [block]
    assert read == ["east", "north", "south"] * 4
    assert len(rates) == sum(map(len, blocks)) == 60


def test_facts_are_read_without_the_rows_and_another_file_is_refused(files, tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingSample, "read", None)
    assert [head_of(file) for file in files] == [sample_of(40, file.name).head for file in files]
    (tmp_path / "text").write_text("no sample")
    with pytest.raises(InputError, match=r"text is not a training sample .* Make it again with train_pooled"):
        head_of(tmp_path / "text")


def test_samples_without_rows_of_the_lead_are_left_out(files):
    other = sample_of(40, "west", lead=np.full(40, 3, dtype=np.int16))
    blocks, _, weights = rows_of_lead([*files, other], KINDS, 3)
    assert len(blocks) == 1
    assert len(weights) == 40
    with pytest.raises(InputError, match=r"No sample has rows of lead 4"):
        rows_of_lead(files, KINDS, 4)


def test_of_too_many_empty_rows_a_weighted_sample_is_taken_with_the_same_share_everywhere(files):
    whole, rates, weights = rows_of_lead(files, KINDS, 1)
    zeros = sum(rows.zeros for rows in whole)
    for limit in (zeros, zeros + 5, None):
        same, _, again = rows_of_lead(files, KINDS, 1, limit)
        np.testing.assert_array_equal(again, weights)
        assert [len(rows) for rows in same] == [len(rows) for rows in whole]
    thinned, kept, heavier = rows_of_lead(files, KINDS, 1, zeros // 2, 0.3)
    assert sorted(kept[kept > 0]) == sorted(rates[rates > 0])  # no event is left out
    np.testing.assert_allclose(np.sort(heavier[kept > 0]), np.sort(weights[rates > 0]))
    for rows, all_rows in zip(thinned, whole, strict=True):
        events = all_rows.size - all_rows.zeros
        assert abs(len(rows) - events - all_rows.zeros / 2) <= 1
        known = {tuple(row) for row in all_rows[0 : len(all_rows)]}
        assert {tuple(row) for row in rows[0 : len(rows)]} < known


def test_weights_of_the_sample_are_exact_in_expectation_along_the_risk():
    sample = sample_of(400, lead=np.ones(400, dtype=np.int16), weight=np.ones(400, dtype=np.float32))
    _, rates, weights = rows_of_lead([sample], KINDS, 1)
    starts = (np.arange(200) + 0.5) / 200
    sums = [rows_of_lead([sample], KINDS, 1, 60, start)[2].sum() for start in starts]
    assert np.mean(sums) == pytest.approx(weights.sum(), rel=1e-3)
    _, kept, heavier = rows_of_lead([sample], KINDS, 1, 60, 0.5)
    limits = np.quantile(weights[rates == 0], np.linspace(0, 1, 11)[1:-1])  # the risk, because sampled weights are 1
    drawn = heavier[kept == 0] * 60 / (rates == 0).sum()
    strata = np.bincount(np.searchsorted(limits, drawn, side="left"), minlength=10)
    assert strata.sum() in (59, 60)
    assert ((strata >= 5) & (strata <= 7)).all()
