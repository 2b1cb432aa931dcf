from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ilp_models.domain.errors import NotRunError
from ilp_models.domain.trial import TrialData
from ilp_models.evaluation.schemes import MatchedPairs, Observational
from ilp_models.evaluation.synthetic_control import SyntheticControl
from tests.evaluation.planted_trials import planted

SEATTLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "seattle_dmi"


@pytest.mark.skipif(not SEATTLE.is_dir(), reason="the Seattle data are not next to the project")
def test_the_published_effect_of_seattle_is_met():
    blocks = pd.read_parquet(SEATTLE / "blocks.parquet").set_index("block")
    panel = pd.read_parquet(SEATTLE / "panel.parquet")
    counts = panel.pivot_table(index="block", columns="quarter", values="any_crime").loc[blocks.index].to_numpy(float)
    treated = np.repeat(blocks[["treated"]].to_numpy() == 1, 4, axis=1)
    trial = TrialData(counts[:, :12], counts[:, 12:], treated, Observational(), np.zeros(len(blocks), dtype=int))
    found = SyntheticControl().estimate(trial, covariates=blocks.drop(columns="treated").to_numpy(float))
    assert found.events / 4 == pytest.approx(-54.4382, abs=2e-4)
    assert 100 * (found.ratio - 1) == pytest.approx(-21.65, abs=0.01)
    assert found.shown()


def test_too_few_controls_are_said():
    with pytest.raises(NotRunError, match="No non-negative weights of the 20 untreated units"):
        SyntheticControl().estimate(planted(MatchedPairs(), 0.7, 1))
