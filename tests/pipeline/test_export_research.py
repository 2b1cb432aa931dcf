"""Research needs no decision, so a decision that is not valid does not stand in its way."""

import pandas as pd
import pytest

from ilp_models.domain.errors import WithheldError
from ilp_models.export.writers import Export
from ilp_models.pipeline.export import run
from tests.builders import forecast_on, square_grid
from tests.export.export_makers import provenance_of


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"admitted": true}'])
def test_an_invalid_decision_counts_as_none_for_research_only(text, tmp_path):
    grid = square_grid()
    forecast = forecast_on(grid)
    Export(("parquet",)).write(forecast, grid, provenance_of(forecast), None, tmp_path)
    (tmp_path / "decision.json").write_text(text)
    words = {"source": str(tmp_path), "formats": ["csv"], "config": {}, "folder": tmp_path / "out"}
    run(grade="research", **words)
    table = pd.read_csv(tmp_path / "out" / "grid-research-only.csv")
    assert (set(table["grade"]), set(table["decision"].astype(str))) == ({"research"}, {"none"})
    with pytest.raises(WithheldError, match="run the audit again"):
        run(grade="allocation", **words)
