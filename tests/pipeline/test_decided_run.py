from types import SimpleNamespace

import pytest

from ilp_models.audit.register.register import Register, RegisterEntry
from ilp_models.backtest.rolling_origin import RollingOrigin
from ilp_models.compute.local import LocalProcesses
from ilp_models.domain.calendar import Calendar
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.explain.explain import Explain
from ilp_models.export.writers import Export
from ilp_models.grid.square import SquareGrid
from ilp_models.model.means.ewma import EWMA
from ilp_models.model.means.moving_average import MovingAverage
from ilp_models.pipeline.decided_run import decide_run
from ilp_models.scoring.scores import Scoring
from tests.audit import audit_inputs as inputs
from tests.domain.gate_example import NOW


class RecordsReadError(Exception):
    """The records were read."""


def read():
    raise RecordsReadError


def away():
    msg = "it is away"
    raise StorageError(msg)


READY = SimpleNamespace(check=lambda: None)


def decide(folder, **changes):
    parts = {
        "data": SimpleNamespace(read=read),
        "calendar": Calendar(),
        "grid": SquareGrid(500),
        "layers": {},
        "model": {"moving_average": MovingAverage(), "ewma": EWMA()},
        "forecaster": "ewma",
        "backtest": RollingOrigin(),
        "scoring": Scoring(),
        "explain": Explain(),
        "audit": inputs.audit(),
        "export": Export(),
        "register": Register(folder / "register.jsonl"),
        "rule_search": None,
        "store": str(folder),
        "compute": LocalProcesses(jobs=1),
        "tracking": READY,
        "trials": READY,
        "folder": folder,
        "command": "",
    }
    return decide_run("audit", lambda _: (), **(parts | changes))


def test_records_are_read_once_everything_else_was_checked(tmp_path):
    with pytest.raises(RecordsReadError):
        decide(tmp_path)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"forecaster": "other"}, InputError, "forecaster=other is not among the models"),
        ({"scoring": Scoring(baseline="other")}, InputError, "scoring.baseline=other is not among the models"),
        ({"audit": inputs.audit(baseline="other")}, InputError, "audit.baseline=other is not among the models"),
        ({"tracking": SimpleNamespace(check=away)}, StorageError, "it is away"),
        ({"trials": SimpleNamespace(check=away)}, StorageError, "it is away"),
    ],
)
def test_what_would_stop_the_run_later_stops_it_before_records_are_read(changes, error, said, tmp_path):
    with pytest.raises(error, match=said):
        decide(tmp_path, **changes)


def test_a_register_from_which_lines_were_cut_off_stops_the_run(tmp_path):
    path = tmp_path / "register.jsonl"
    digest = Register(path).append(RegisterEntry("decided", "rv", "a" * 64, NOW, {}), lambda _: None)
    with pytest.raises(RecordsReadError):
        decide(tmp_path, register=Register(path, digest))
    with pytest.raises(StorageError):
        decide(tmp_path, register=Register(path, "0" * 64))
