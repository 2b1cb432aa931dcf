import json

import numpy as np
import pandas as pd
import pytest

from ilp_models.audit.register.register import Register
from ilp_models.domain.errors import InputError
from ilp_models.domain.trial_finding import TrialFinding
from ilp_models.pipeline.trial_result import TrialResult, write_trial_evaluation
from ilp_models.report.trial_text import OBSERVATIONAL
from tests.evaluation.small_trial import DESIGN

ROW = {
    "role": "main",
    "outcome": "all",
    "kind": "main",
    "estimator": "intention to treat",
    **{"ratio": 0.8, "ratio_low": 0.7, "ratio_high": 0.9},
    **{"events": -20.0, "events_low": -30.0, "events_high": -10.0},
    **{"p_value": 0.0004, "p_adjusted": 0.0316},
    "conclusion": "fewer",
    "treated_count": 80.0,
    "unit": "events",
}
FACTS = {"confidence": 0.95, "last_day": "2026-02-08", "records": "d" * 64, "periods": 3}
LATE = TrialFinding("not registered")


def result(findings=(LATE,), observational=False, **changes):
    effects = pd.DataFrame([ROW | changes])
    nothing = pd.DataFrame({"count": [1]})
    return TrialResult(
        design=DESIGN,
        observational=observational,
        effects=effects,
        totals=nothing,
        flow=nothing,
        findings=tuple(findings),
        event_study=None,
        reporting=nothing,
        tipping=np.nan,
        dose_map=nothing,
        dose_periods=None,
        facts=FACTS,
        sums={"2026-01-19": [1.0, 2.0]},
        grid=None,
    )


def test_the_headline_and_serious_findings_are_shown():
    assert repr(result(())) == result().headline
    assert "fewer recorded crimes" in result().headline
    assert repr(result()).splitlines()[1:] == ([LATE.text] if LATE.serious else [])
    assert repr(result(observational=True)).startswith(f"{OBSERVATIONAL}\n")


def test_only_tables_that_exist_are_there():
    tables = result().tables()
    assert set(tables) == {"effects", "totals", "flow", "findings", "reporting", "dose_map"}
    assert tables["findings"].to_dict("list") == {
        **{"check": ["not registered"], "serious": [LATE.serious], "finding": [LATE.text]}
    }


def test_plain_values_are_json():
    plain = json.loads(json.dumps(result().to_dict(), default=str), parse_constant=pytest.fail)
    assert (plain["tipping"], plain["headline"]) == (None, result().headline)
    assert plain["effects"][0]["conclusion"] == "fewer"


def test_files_and_the_line_of_the_register_hold_the_result(tmp_path, monkeypatch):
    monkeypatch.setattr(TrialResult, "to_html", lambda _, path: path.write_text("page"))
    register = Register(tmp_path / "register.jsonl")
    page = write_trial_evaluation(result(), tmp_path / "run", register=register)
    assert page.read_text() == "page"
    assert {path.suffix for path in (tmp_path / "run").iterdir()} == {".csv", ".xlsx", ".json", ".html"}
    (line,) = register.verify().lines
    assert (line.act, line.decision) == ("evaluated", DESIGN.digest())
    content = line.content["trial"]
    assert (content["conclusion"], content["findings"]) == ("fewer", ["not registered"])
    assert content["sums"] == {"2026-01-19": [1.0, 2.0]}


def test_an_unknown_decimal_mark_writes_nothing(tmp_path):
    with pytest.raises(InputError, match="decimal"):
        write_trial_evaluation(result(), tmp_path / "new", decimal="dot")
    assert not (tmp_path / "new").exists()
