import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from ilp_models.audit.groups.table import GroupTable
from ilp_models.audit.register.declarations import DECLARED
from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.domain.errors import InputError
from ilp_models.evaluation.schemes import MatchedPairs
from ilp_models.pipeline import evaluate_trial
from tests.builders import city, events_of
from tests.evaluation.small_trial import DESIGN

GRID = city(4, 4)
CELLS = tuple(map(str, GRID.cells))
BEFORE, DURING = 8, 6
BLOCKS = np.arange(16) // 2
TREATED = MatchedPairs().draw(BLOCKS, 1, 1, np.random.default_rng(0))[0, :, 0]
TRIAL = replace(
    DESIGN,
    unit_kind="cells",
    units=CELLS,
    cells=tuple((cell,) for cell in CELLS),
    zones=((),) * 16,
    blocks=tuple(map(int, BLOCKS)),
    assignment=tuple(("1" if one else "0") * DURING for one in TREATED),
    start="2018-02-26",
    periods=DURING,
    periods_before=BEFORE,
    time_zone="America/Toronto",
    outcomes=("a",),
    found_by_patrols=(),
    promise={"effect": 0.3, "power": 0.9},
)
COUNTS = np.full((1, 16, BEFORE + DURING), 4)
COUNTS[0, TREATED.astype(bool), BEFORE:] = 2  # half as many in treated cells


def run(folder, **changes):
    (folder / "trial.json").write_text(TRIAL.to_json(), encoding="utf-8")
    given = {
        "data": SimpleNamespace(read=lambda: events_of(COUNTS, GRID)),
        "grid": SimpleNamespace(build=lambda _: GRID),
        "groups": GroupTable(),
        "design": str(folder / "trial.json"),
        "harm_sets": {},
        "confidence": 0.95,
        "register": str(folder / "register.jsonl"),
        "decimal": "point",
    }
    (folder / "run").mkdir()
    return evaluate_trial.run(**(given | changes), folder=folder / "run")


def test_a_registered_trial_is_evaluated_and_its_line_written(tmp_path):
    register = Register(tmp_path / "register.jsonl")
    content = {"start": TRIAL.start, "assignment": dict(zip(TRIAL.units, TRIAL.assignment, strict=True))}
    moment = datetime(2018, 2, 1, tzinfo=UTC)
    register.append(RegisterEntry(DECLARED, "analyst", TRIAL.digest(), moment, {"trial": content}), lambda _: None)
    text = run(tmp_path)
    assert "In places assigned to treatment there were 50" in text
    facts = json.loads((tmp_path / "run" / "evaluation.json").read_text(encoding="utf-8"))
    assert (facts["observational"], facts["effects"][0]["conclusion"]) == (False, "fewer")
    line = register.verify().lines[-1]
    assert (line.act, line.decision) == ("evaluated", TRIAL.digest())
    assert register.verify().digest in text


@pytest.mark.parametrize(("changes", "said"), [({"decimal": "dot"}, "decimal"), ({"confidence": 1.5}, "confidence")])
def test_wrong_settings_leave_no_page_and_no_line(changes, said, tmp_path):
    with pytest.raises(InputError, match=said):
        run(tmp_path, **changes)
    assert not (tmp_path / "run" / "evaluation.html").exists()
    assert not (tmp_path / "register.jsonl").exists()
