"""Read what the run of a jurisdiction adds to a region: sums of its scores and, by group, of its audit."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from pyarrow import ArrowException

from ilp_models.audit.check_context import CheckContext
from ilp_models.audit.flagging import with_total
from ilp_models.audit.measures.group_sums import Basis, Cube, GroupSums, flag_cubes
from ilp_models.audit.residents import Residents
from ilp_models.domain.allocation import TOP_AREAS
from ilp_models.domain.errors import IlpError, StorageError
from ilp_models.domain.local_file import file_in_folder
from ilp_models.domain.parquet_file import open_parquet, read_columns
from ilp_models.domain.region_sums import GroupKey, ShardSum, score_sums
from ilp_models.domain.scores import ALL, COLUMNS, ScoreTable
from ilp_models.pipeline.audit_archive import read_audit_input
from ilp_models.pipeline.outputs import SCORES
from ilp_models.pipeline.reaudit import archived_audit
from ilp_models.stats.bootstrap import Bootstrap

_FACTS: Final = b"PANDAS_ATTRS"  # key of the header of the scores
_CELLS: Final = "cells"
_MOST_DRAWS: Final = 1_000_000  # of a bootstrap; more, in a changed file, would fill the memory


def read_score_sums(folder: Path) -> tuple[ShardSum, ...]:
    """Return the sums of the scores of a run; empty without scores, and for those of an earlier version."""
    if not os.path.lexists(folder / SCORES):
        return ()
    path = file_in_folder(folder, SCORES)
    try:
        with open_parquet(path, COLUMNS) as parquet:
            facts = json.loads(parquet.schema_arrow.metadata[_FACTS])
            table = read_columns(parquet, COLUMNS).to_pandas()
        if facts.get(_CELLS) is None:
            return ()
        table = table[table["score"] == "deviance"].reset_index(drop=True)
        if facts["bootstrap"]["draws"] > _MOST_DRAWS:
            msg = f"{facts['bootstrap']['draws']} draws are more than {_MOST_DRAWS:,}"
            raise ValueError(msg)
        scores = ScoreTable(table[list(COLUMNS)], Bootstrap(**facts["bootstrap"]), int(facts["delay"]))
        return tuple(score_sums(scores, facts["baseline"], int(facts[_CELLS])))
    except (
        ArrowException,
        AttributeError,
        IlpError,
        KeyError,
        OSError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        msg = f"{path} is not the file of scores that the run wrote ({error}). Run the task again."
        raise StorageError(msg) from error


def read_group_sums(folder: Path) -> tuple[ShardSum, ...]:
    """Return the sums by group of the archived audit of a run; empty without an audit or a group table."""
    archive = folder / "audit"
    if not (os.path.lexists(archive / "subject.json") and _has_groups(archive)):
        return ()
    subject, facts = read_audit_input(archive)
    if not subject.residents:
        return ()
    context = archived_audit(facts["settings"], subject).context(subject)
    return tuple(one for residents in context.residents for one in group_sums(context, residents))


def _has_groups(folder: Path) -> bool:
    """Return whether an archived audit has a group table, without reading its tables; StorageError if damaged."""
    path = file_in_folder(folder, "subject.json")
    try:
        return any(json.loads(path.read_text(encoding="utf-8"))["residents"].values())
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError) as error:
        msg = f"The archived audit in {folder} cannot be read ({error!r}). Ask for a complete copy of the run."
        raise StorageError(msg) from error


def group_sums(context: CheckContext, residents: Residents) -> Iterator[ShardSum]:
    """Yield the sums of each group of one dimension, by crime type and for all types together."""
    types = context.replay.crime_types
    expected = Cube(with_total(np.asarray(context.replay.expected.values, dtype=float)), "cells")
    cubes = flag_cubes(context.flags, context.observed) | {"predicted": expected}
    tally = GroupSums.from_cubes(Basis.from_residents(residents), cubes)
    sums = {name: one.sum(axis=1) for name, one in tally.by_period.items()}
    periods = tuple(context.replay.periods.start_time.strftime("%Y-%m-%d"))
    rule, settings = _rule(context)
    for row, scope in enumerate((*types, ALL)):
        at = min(row, len(context.scopes) - 1)  # a single type is all types
        for group, name in enumerate(residents.groups):
            covered = tuple(sorted(types)) if scope == ALL else (scope,)
            key = GroupKey(residents.dimension, name, scope, residents.groups, covered, periods, rule, settings)
            values = [sums[one][at, group] for one in ("predicted", "burdened", "covered", "exposed", "patrolled")]
            yield ShardSum(key, np.array([residents.by_group[:, group].sum(), *values]))


def _rule(context: CheckContext) -> tuple[str, str]:
    """Return the name and the settings of the audited rule."""
    if context.plan is not None:
        name, settings = context.plan.name, dict(context.plan.rule)
    else:
        names = ("land_share", "rank_by", "share_of")
        name, settings = TOP_AREAS, {one: getattr(context, one) for one in names} | {"harm": dict(context.harm)}
    return name, json.dumps(settings, sort_keys=True)
