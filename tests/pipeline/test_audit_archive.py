"""What is kept of an audit gives the same audit again."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.gate import decide
from ilp_models.domain.errors import InputError, StorageError, WithheldError
from ilp_models.domain.overused_points import OVERUSED_COLUMNS
from ilp_models.domain.panel import DIMS
from ilp_models.domain.replay import ReplayTerms
from ilp_models.pipeline.audit_archive import read_audit_input, write_audit_input
from ilp_models.pipeline.run_folder import archived_residents
from tests.audit import audit_inputs as inputs


def subject():
    bare = inputs.audit_input(*inputs.city(), inputs.grid(), inputs.explanation(), data="ab" * 32)
    return inputs.audit(inputs.group_table()).with_residents(bare)


def test_a_delay_lengthens_the_blocks_of_the_audit_and_of_the_one_made_again(tmp_path):
    known = subject()
    late = replace(known, replay=replace(known.replay, terms=ReplayTerms(delay=6, refit_every=13)))
    first = inputs.audit().run(late, inputs.NOW)
    assert first.header["bootstrap"]["block"] == 7
    again, _ = read_audit_input(write_audit_input(late, tmp_path / "audit", {}))
    assert inputs.audit().run(again, inputs.NOW).to_dict() == first.to_dict()


def test_residents_on_the_cells_of_a_forecast_that_has_more_of_them_are_kept_beside(tmp_path):
    known = subject()
    more = tuple(replace(one, total=one.total + 1) for one in known.residents)
    again, _ = read_audit_input(write_audit_input(replace(known, residents_ahead=more), tmp_path / "audit", {}))
    np.testing.assert_array_equal(again.residents_ahead[0].total, known.residents[0].total + 1)
    np.testing.assert_array_equal(again.residents[0].total, known.residents[0].total)
    report = inputs.audit(inputs.group_table()).run(known, inputs.NOW)
    decision = decide(report, inputs.forecast(), datetime(2026, 1, 5, tzinfo=UTC))
    assert archived_residents(again, decision, known.grid.cells) is again.residents
    grown = known.grid.cells.delete(0).append(pd.Index(["another"]))
    assert archived_residents(again, decision, grown) is again.residents_ahead
    with pytest.raises(WithheldError, match="are missing from the run"):
        archived_residents(again, decision, known.grid.cells[1:])


@pytest.fixture
def kept(tmp_path):
    return write_audit_input(subject(), tmp_path / "audit", {"settings": {"share": 0.05}})


def test_the_same_audit_comes_from_what_was_kept(kept):
    again, facts = read_audit_input(kept)
    known = inputs.audit(inputs.group_table()).run(subject(), inputs.NOW)
    assert known.groups
    assert inputs.audit().run(again, inputs.NOW).to_dict() == known.to_dict()  # no table is needed any more
    assert again.grid.digest() == inputs.grid().digest()
    assert facts["settings"] == {"share": 0.05}


def test_cells_with_over_used_points_come_back_with_their_finding(tmp_path):
    known = subject()
    rows = [(inputs.TYPES[0], str(cell), 911, 911, 1.0) for cell in known.grid.cells]
    full = replace(known, overused=pd.DataFrame(rows, columns=list(OVERUSED_COLUMNS)))
    again, _ = read_audit_input(write_audit_input(full, tmp_path / "audit", {}))
    reports = [inputs.audit().run(one) for one in (full, again)]
    (first, second) = ([one for one in each.findings if one.check == "overused_points"] for each in reports)
    assert first == second
    assert first[0].value > 1
    assert reports[0].to_dict() == reports[1].to_dict()


def test_every_cube_comes_back_to_the_last_bit(kept):
    again, first = read_audit_input(kept)[0], subject()
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
        read_audit_input(kept)


def test_a_folder_without_an_audit_says_so(tmp_path):
    with pytest.raises(InputError, match="has no archived audit"):
        read_audit_input(tmp_path)


@pytest.mark.parametrize("spoil", [lambda plain: plain.pop("freq"), lambda plain: plain["files"].update(more="x")])
def test_a_spoiled_account_is_refused(kept, spoil):
    path = kept / "subject.json"
    plain = json.loads(path.read_text())
    spoil(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageError, match="complete copy"):
        read_audit_input(kept)


def test_kept_cells_locate_nothing(kept):
    grid = read_audit_input(kept)[0].grid
    with pytest.raises(InputError, match="cannot locate the"):
        grid.locator.locate([])


def spread_over(replay, dims):
    """Return a replay whose dispersion varies over some dimensions only."""
    one = replay.expected.isel({dim: 0 for dim in DIMS if dim not in dims}, drop=True)
    return replace(replay, dispersion=one.copy(data=np.random.default_rng(3).gamma(1, 1, one.shape)))


@pytest.mark.parametrize("types", [1, 2])
@pytest.mark.parametrize("dims", [(), ("crime_type",), ("period",), ("crime_type", "cell"), DIMS])
def test_dispersions_over_any_dimensions_come_back(tmp_path, dims, types):
    replays = [
        spread_over(inputs.replay(one.expected.values[:types], one.observed.values[:types], one.forecaster), dims)
        for one in inputs.city()
    ]
    write_audit_input(AuditInput(*replays, inputs.grid()), tmp_path, {})
    again = read_audit_input(tmp_path)[0]
    for one, other in zip((again.replay, again.baseline), replays, strict=True):
        assert one.dispersion.dims == other.dispersion.dims
        np.testing.assert_array_equal(one.dispersion, other.dispersion)
        np.testing.assert_array_equal(one.observed, other.observed)


def test_a_baseline_audited_itself_comes_back(tmp_path):
    _, baseline = inputs.city()
    write_audit_input(AuditInput(baseline, baseline, inputs.grid()), tmp_path, {})
    again = read_audit_input(tmp_path)[0]
    for one in (again.replay, again.baseline):
        np.testing.assert_array_equal(one.expected, baseline.expected)


@pytest.mark.parametrize(
    "changed",
    [
        {"population": np.arange(100.0)},
        {"population": np.where(np.arange(100) < 3, np.nan, 7.0)},
        {"parents": pd.DataFrame()},
        {"parents": pd.DataFrame({"beat": [None, *map(str, range(99))], "ward": ["x"] * 100})},
    ],
)
def test_any_cells_come_back_with_their_digest(tmp_path, changed):
    grid = replace(inputs.grid(), **changed)
    write_audit_input(AuditInput(*inputs.city(), grid), tmp_path, {})
    assert read_audit_input(tmp_path)[0].grid.digest() == grid.digest()


def test_weights_of_an_explanation_come_back(tmp_path):
    whole = inputs.explanation()
    weights = whole.log_expected.copy(data=np.random.default_rng(4).integers(0, 3, whole.log_expected.shape))
    weighted = replace(whole, weights=weights)
    write_audit_input(AuditInput(*inputs.city(), inputs.grid(), weighted), tmp_path, {})
    again = read_audit_input(tmp_path)[0].explanation
    np.testing.assert_array_equal(again.weights, weights)
    assert again.importance().equals(weighted.importance())


@pytest.mark.parametrize("content", [b"junk", b"PK\x03\x04" + b"0" * 50])
def test_residents_that_are_no_arrays_are_refused(kept, content):
    (kept / "residents.npz").write_bytes(content)
    path = kept / "subject.json"
    plain = json.loads(path.read_text())
    plain["files"]["residents.npz"] = hashlib.sha256(content).hexdigest()
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageError, match="complete copy"):
        read_audit_input(kept)


def test_residents_that_nothing_vouches_for_are_not_looked_at(kept):
    path = kept / "subject.json"
    plain = json.loads(path.read_text())
    del plain["files"]["residents.npz"]
    path.write_text(json.dumps(plain))
    with pytest.raises(StorageError, match="complete copy"):
        read_audit_input(kept)
