"""What is kept of an audit gives the same audit again."""

import json

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import InputError, StorageError
from ilp_models.pipeline.artefact import read_subject, write_subject
from tests.audit import cases


def subject():
    bare = cases.subject(*cases.city(), cases.grid(), cases.explanation(), data="ab" * 32)
    return cases.audit(cases.group_table()).with_residents(bare)


@pytest.fixture
def kept(tmp_path):
    return write_subject(subject(), tmp_path / "audit", {"settings": {"share": 0.05}})


def test_the_same_audit_comes_from_what_was_kept(kept):
    again, facts = read_subject(kept)
    known = cases.audit(cases.group_table()).run(subject())
    assert known.groups
    assert cases.audit().run(again).to_dict() == known.to_dict()  # no table is needed any more
    assert again.grid.digest() == cases.grid().digest()
    assert facts["settings"] == {"share": 0.05}


def test_every_cube_comes_back_to_the_last_bit(kept):
    again, first = read_subject(kept)[0], subject()
    for one, other in ((again.replay, first.replay), (again.baseline, first.baseline)):
        for name in ("expected", "quantiles", "dispersion", "observed"):
            np.testing.assert_array_equal(getattr(one, name).values, getattr(other, name).values)
            assert getattr(one, name).dims == getattr(other, name).dims
        assert (one.forecaster, one.recipe, one.lead) == (other.forecaster, other.recipe, other.lead)
        assert one.periods.equals(other.periods)
    for name in ("attributions", "values", "base", "log_expected"):
        np.testing.assert_array_equal(getattr(again.explanation, name), getattr(first.explanation, name))
    assert again.explanation.columns == first.explanation.columns
    tried = again.explanation.robustness
    pd.testing.assert_frame_equal(tried.perturbations, first.explanation.robustness.perturbations)
    pd.testing.assert_frame_equal(tried.interactions, first.explanation.robustness.interactions)
    assert again.data == first.data


@pytest.mark.parametrize("name", ["replays", "cells", "neighbours", "explanation"])
def test_a_changed_table_is_named(kept, name):
    path = kept / f"{name}.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(StorageError, match=rf"{name}.parquet was changed after the audit"):
        read_subject(kept)


def test_a_folder_without_an_audit_says_so(tmp_path):
    with pytest.raises(InputError, match="holds no audit"):
        read_subject(tmp_path)


@pytest.mark.parametrize("spoil", [lambda plain: plain.pop("freq"), lambda plain: plain["files"].update(more="x")])
def test_a_spoiled_account_is_refused(kept, spoil):
    path = kept / "subject.json"
    plain = json.loads(path.read_text())
    spoil(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageError, match="whole copy"):
        read_subject(kept)


def test_kept_cells_locate_nothing(kept):
    grid = read_subject(kept)[0].grid
    with pytest.raises(InputError, match="locate no events"):
        grid.locator.locate([])
