import numpy as np
import pytest

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.trial import Effect, TrialData
from ilp_models.evaluation.displacement import DisplacementDifference
from ilp_models.evaluation.effect_table import EffectTable
from ilp_models.evaluation.outcomes import MAIN, Outcome
from ilp_models.evaluation.robustness import FEWER, NONE, holm
from ilp_models.evaluation.schemes import Crossover, MatchedPairs, Observational
from ilp_models.evaluation.synthetic_control import SyntheticControl
from tests.evaluation.planted_trials import planted

DRAWN = planted(MatchedPairs(), 0.5, 1, units=16)
CHOSEN = TrialData(DRAWN.before, DRAWN.during, DRAWN.treated, Observational(), DRAWN.blocks)


def table_of(trial, others=(), randomised=True, zones=None):
    secondary = [(Outcome(f"type {at}", "crime type", one), "events") for at, one in enumerate(others)]
    return EffectTable(Outcome(MAIN, MAIN, trial), secondary, zones, randomised, 0.95)


@pytest.fixture
def no_match(monkeypatch):
    """Let the synthetic control find no weights."""

    def refuse(*_, **__):
        msg = "No weights."
        raise NotRunError(msg)

    monkeypatch.setattr(SyntheticControl, "estimate", refuse)


@pytest.mark.usefixtures("no_match")
def test_rows_are_the_main_outcome_then_secondary_ones_then_checks():
    effects = table_of(DRAWN, [DRAWN, planted(MatchedPairs(), 1.0, 2, units=16)], zones=DRAWN)
    table = effects.table
    assert table["role"].tolist() == [MAIN, "secondary", "secondary", "check", "check", "check"]
    assert table["estimator"].tolist()[3:] == [
        "difference in differences",
        "displacement difference",
        "displacement difference with zones",
    ]
    assert table.loc[0, "ratio"] == effects.effect.ratio
    assert table.loc[0, "treated_count"] == DRAWN.during[DRAWN.treated].sum()
    np.testing.assert_array_equal(table["p_adjusted"][1:3], holm(table["p_value"].tolist()[1:3]))
    assert table["p_adjusted"].isna().tolist() == [True, False, False, True, True, True]
    assert table["conclusion"].tolist()[:3] == [FEWER, FEWER, NONE]
    (finding,) = [one for one in effects.findings() if one.check == "not estimated"]
    assert finding.text == "synthetic control: No weights."


def test_an_adjusted_p_value_that_is_too_large_shows_no_effect():
    weak = [planted(MatchedPairs(), 1.0, seed, units=16) for seed in range(4)]
    table = table_of(DRAWN, weak).table
    second = table[table["role"] == "secondary"]
    assert (second["p_adjusted"] > 0.05).all()
    assert set(second["conclusion"]) == {NONE}


@pytest.mark.usefixtures("no_match")
@pytest.mark.parametrize(("randomised", "shown"), [(True, FEWER), (False, NONE)])
def test_only_a_draw_makes_an_effect_count_that_a_check_does_not_find(randomised, shown, monkeypatch):
    none = Effect("displacement difference", 1.0, 0.5, 2.0, 0.0, -5.0, 5.0, 1.0)
    monkeypatch.setattr(DisplacementDifference, "estimate", lambda *_, **__: none)
    effects = table_of(DRAWN if randomised else CHOSEN, randomised=randomised)
    assert effects.table.loc[0, "conclusion"] == shown
    checks = [one.check for one in effects.findings()]
    assert "estimators disagree" in checks
    assert ("agreement needed" in checks) is not randomised


def test_units_that_change_sides_have_no_synthetic_control():
    effects = table_of(planted(Crossover(2, 1), 0.7, 1, units=16))
    assert effects.table["role"].tolist() == [MAIN, "check"]
    reasons = [one.facts["estimator"] for one in effects.findings() if one.check == "not estimated"]
    assert reasons == [DisplacementDifference.name, SyntheticControl.name]
    assert np.isfinite(effects.effect.ratio)
