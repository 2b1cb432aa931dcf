"""Keeping what an audit looked at, in open tables, so that anybody can look at it again."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from ilp_models.audit.audit_input import AuditInput
from ilp_models.audit.feedback.feedback import Feedback, FeedbackOutcome
from ilp_models.audit.residents import Residents
from ilp_models.domain.errors import InputError, StorageError
from ilp_models.domain.features import Column
from ilp_models.pipeline.archive_tables import (
    CODES,
    cell_tables,
    explanation_meaning,
    explanation_rows,
    read_explanation,
    read_grid,
    read_replay,
    replay_meaning,
    replay_rows,
)

RESIDENTS: Final = "residents.npz"
AHEAD: Final = "residents_ahead.npz"
_TEXTS: Final = ("no_feedback", "no_groups", "places", "decision_code")  # fields of an AuditInput


def write_audit_input(subject: AuditInput, folder: Path, facts: Mapping[str, Any]) -> Path:
    """Return the folder in which all that an audit looked at was kept."""
    folder.mkdir(parents=True, exist_ok=True)
    replays = (subject.replay, subject.baseline)
    # a baseline that is audited itself is kept once
    rows = [replay_rows(one) for one in {one.forecaster: one for one in replays}.values()]
    tables = {"replays": pd.concat(rows, ignore_index=True).astype(CODES)}
    tables |= cell_tables(subject.grid)
    if subject.explanation is not None:
        tables["explanation"] = explanation_rows(subject.explanation)
    if subject.reporting_rates is not None:
        tables["reporting_rates"] = pd.DataFrame({"rate": subject.reporting_rates})
    if subject.feedback is not None:
        tables |= {"feedback": subject.feedback.trajectory, "feedback_observed": subject.feedback.observed}
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", compression="zstd", index=False)
    names = [f"{name}.parquet" for name in tables]
    people = {RESIDENTS: subject.residents, AHEAD: subject.residents_ahead}
    for name, residents in people.items():
        if residents is not None:
            np.savez_compressed(folder / name, allow_pickle=False, **_arrays(residents))
            names.append(name)
    plain = {
        **facts,
        "data": subject.data,
        "crs": subject.grid.crs,
        "parents": list(subject.grid.parents.columns),
        "freq": subject.replay.periods.freqstr,
        "replays": [replay_meaning(one) for one in replays],
        "dispersion": [list(one.dispersion.dims) for one in replays],
        "features": None if subject.features is None else [vars(column) for column in subject.features],
        "explanation": None if subject.explanation is None else explanation_meaning(subject.explanation),
        "residents": {name: [_words(one) for one in there] for name, there in people.items() if there is not None},
        "group_table": subject.group_table,
        "trained": None if subject.trained is None else [moment.isoformat() for moment in subject.trained],
        **{name: getattr(subject, name) for name in _TEXTS},
        "settings_changed": list(subject.settings_changed),
        "feedback": None
        if subject.feedback is None
        else {"settings": asdict(subject.feedback.settings), "areas": subject.feedback.areas},
        "files": {name: _digest(folder / name) for name in names},
    }
    (folder / "subject.json").write_text(json.dumps(plain, indent=2, default=str) + "\n", encoding="utf-8")
    return folder


def read_audit_input(folder: Path) -> tuple[AuditInput, dict[str, Any]]:
    """Return what an audit looked at, every file checked, and the facts kept beside it."""
    path = folder / "subject.json"
    if not path.is_file():
        msg = f"{folder} holds no audit to look at again; name the folder of a run of `ilp audit` or `ilp weekly`."
        raise InputError(msg)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        for name in plain["residents"]:
            plain["files"][name]  # a file that nothing vouches for is not looked at
        for name, digest in plain["files"].items():
            if _digest(folder / name) != digest:
                msg = f"{folder / name} was changed after the audit; nothing can be shown from it."
                raise StorageError(msg)
        tables = {
            Path(name).stem: pd.read_parquet(folder / name) for name in plain["files"] if name.endswith(".parquet")
        }
        subject = _subject(tables, plain)
        here, ahead = (_residents(folder / name, plain["residents"].get(name)) for name in (RESIDENTS, AHEAD))
        return replace(subject, residents=here, residents_ahead=ahead), plain
    except (AttributeError, BadZipFile, OSError, KeyError, TypeError, ValueError) as error:
        msg = f"The audit kept in {folder} cannot be read ({error!r}); ask for a whole copy."
        raise StorageError(msg) from error


def _subject(tables: Mapping[str, pd.DataFrame], plain: Mapping[str, Any]) -> AuditInput:
    grid = read_grid(tables["cells"], tables["neighbours"], plain)
    replays = [
        read_replay(tables["replays"], about, dims, grid, plain["freq"])
        for about, dims in zip(plain["replays"], plain["dispersion"], strict=True)
    ]
    features = None if plain["features"] is None else tuple(Column(**column) for column in plain["features"])
    explanation = (
        None if plain["explanation"] is None else read_explanation(tables["explanation"], plain["explanation"])
    )
    rates, span = tables.get("reporting_rates"), plain["trained"]
    return AuditInput(
        replays[0],
        replays[1],
        grid,
        explanation,
        features,
        plain["data"],
        group_table=plain["group_table"],
        trained=None if span is None else (pd.Timestamp(span[0]), pd.Timestamp(span[1])),
        reporting_rates=None if rates is None else rates["rate"].to_numpy(),
        feedback=_feedback(tables, plain["feedback"]),
        settings_changed=tuple(map(str, plain["settings_changed"])),
        no_feedback=str(plain["no_feedback"]),
        no_groups=str(plain["no_groups"]),
        places=str(plain["places"]),
        decision_code=str(plain["decision_code"]),
    )


def _feedback(tables: Mapping[str, pd.DataFrame], about: Mapping[str, Any] | None) -> FeedbackOutcome | None:
    if about is None:
        return None
    settings = Feedback(**about["settings"])
    return FeedbackOutcome(settings, about["areas"], tables["feedback"], tables["feedback_observed"])


def _arrays(residents: Sequence[Residents]) -> dict[str, Any]:
    """Return the arrays of all dimensions by position and name."""
    return {
        f"{at}_{name}": value
        for at, one in enumerate(residents)
        for name, value in vars(one).items()
        if isinstance(value, np.ndarray)
    }


def _words(residents: Residents) -> dict[str, Any]:
    return {name: value for name, value in vars(residents).items() if not isinstance(value, np.ndarray)}


def _residents(path: Path, words: list[dict[str, Any]] | None) -> tuple[Residents, ...] | None:
    if words is None:
        return None
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        found = dict(arrays)
    made = []
    for at, one in enumerate(words):
        own = {name.partition("_")[2]: value for name, value in found.items() if name.partition("_")[0] == str(at)}
        made.append(Residents(**{**one, "groups": tuple(one["groups"])}, **own))
    return tuple(made)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
