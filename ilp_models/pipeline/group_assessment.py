"""Assess a matrix of groups, and write its page and tables: all or none, and only under a valid authorisation."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from ilp_models.domain.disclaimers import GROUP_CAVEAT
from ilp_models.domain.text_output import check_decimal, write_table
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.clock import now
from ilp_models.report.group_page import GroupEvidence, write_group_page
from ilp_models.strategy.groups.assessment import GroupAssessment
from ilp_models.strategy.groups.matrix import GroupMatrix
from ilp_models.strategy.groups.scheme import GroupScheme
from ilp_models.strategy.rank_draws import RankDraws

PAGE: Final = "groups.html"
RECORD: Final = "groups.json"
_FORMAT: Final = 1
_LISTED_LEVELS: Final = 8
_DECIMALS: Final = 6  # of probabilities


def assess_groups(matrix: GroupMatrix, *, ranking: RankDraws | None = None) -> GroupAssessment:
    """Rank criminal groups by analysts' scores, and find which missing piece of intelligence would separate them most.

    What is not known stays open: each draw takes any value of the scale, one of the scorers, and weights around the
    declared ones. The result is about groups, and is not to be used against a person.

    Parameters
    ----------
    matrix : GroupMatrix
        From :func:`read_group_matrix`.
    ranking : RankDraws, optional
        How often the ranking is drawn, and from which probability an order counts as certain.

    Returns
    -------
    GroupAssessment
        With ``conclusions``, ``to_frame()``, ``pairs()``, ``requirements_frame()`` and ``disagreement()``.

    Raises
    ------
    InputError
        If the authorisation has expired.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> assessment = ilp.assess_groups(ilp.read_group_matrix("example"), ranking=ilp.RankDraws(2000))
    >>> assessment.to_frame()[["group", "rank_from", "rank_to"]].head(2).values.tolist()
    [['G01', 1, 1], ['G03', 2, 3]]
    """
    matrix.check_use(now())
    return GroupAssessment.from_matrix(matrix, ranking or RankDraws())


def write_group_assessment(assessment: GroupAssessment, folder: str | Path, *, decimal: str = "point") -> list[Path]:
    """Write the page, the tables and the record of an assessment of groups; all or none, for their owner only.

    Parameters
    ----------
    assessment : GroupAssessment
        From :func:`assess_groups`.
    folder : str or Path
        Folder of the files; it is created.
    decimal : {"point", "comma"}, default "point"
        Decimal mark of the CSV files; with a comma, semicolons separate the columns.

    Returns
    -------
    list of Path
        ``groups.html``, ``groups.csv``, ``pairs.csv``, ``requirements.csv``, ``disagreement.csv`` and ``groups.json``.

    Raises
    ------
    InputError
        If the authorisation has expired.
    StorageError
        If the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import ilp_models as ilp
    >>> assessment = ilp.assess_groups(ilp.read_group_matrix("example"), ranking=ilp.RankDraws(2000))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(*[file.name for file in ilp.write_group_assessment(assessment, folder)][:2])
    groups.html groups.csv
    """
    check_decimal(decimal, "decimal")
    moment = now()
    assessment.matrix.check_use(moment)
    tables = {
        "groups.csv": assessment.to_frame(),
        "pairs.csv": assessment.pairs(),
        "requirements.csv": assessment.requirements_frame(),
        "disagreement.csv": assessment.disagreement(),
    }
    until = assessment.matrix.authorisation.until
    writers: dict[str, Callable[[Path], object]] = {
        PAGE: lambda path: write_group_page(path, _evidence(assessment, moment))
    }
    for name, table in tables.items():
        writers[name] = partial(write_table, _marked(table, until), decimal=decimal)
    record = json.dumps(_record(assessment, tables, moment), indent=2, ensure_ascii=False) + "\n"
    writers[RECORD] = lambda path: path.write_text(record, encoding="utf-8")
    return write_all_or_none(Path(folder), writers, "The assessment", owner_only=True)


def _marked(table: pd.DataFrame, until: str) -> pd.DataFrame:
    """Return a table whose rows say until when they may be used, and whose first row has the caveat."""
    caveats = pd.Series([GROUP_CAVEAT], dtype=object).reindex(table.index)
    return table.round(_DECIMALS).assign(not_to_be_used_from=until, caveat=caveats)


def _rows(table: pd.DataFrame) -> Any:
    return json.loads(table.to_json(orient="records", double_precision=_DECIMALS))


def _record(assessment: GroupAssessment, tables: Mapping[str, pd.DataFrame], moment: datetime) -> dict[str, Any]:
    """Return everything as plain JSON values, the caveat and the authorisation first."""
    matrix, ranking = assessment.matrix, assessment.ranking
    shares = {
        ranking.groups[at]: [round(float(one), _DECIMALS) for one in ranking.rank_shares[at]] for at in ranking.order
    }
    return {
        "caveat": GROUP_CAVEAT,
        "not_to_be_used_from": matrix.authorisation.until,
        "authorisation": {**vars(matrix.authorisation), "recipients": list(matrix.authorisation.recipients)},
        "written": moment.isoformat(),
        "format": _FORMAT,
        "conclusions": list(assessment.conclusions),
        **{name.removesuffix(".csv"): _rows(table) for name, table in tables.items()},
        "rank_probabilities": shares,
        "scheme": _scheme_record(matrix.scheme),
        "ranking": asdict(assessment.settings),
        "matrix": {"name": matrix.name, "digest": matrix.digest()},
    }


def _scheme_record(scheme: GroupScheme) -> dict[str, Any]:
    marks = [{**vars(one), "weight": float(one.weight)} for one in scheme.marks]
    return {
        "name": scheme.name,
        "attributes": marks,
        "scale": {word: float(points) for word, points in scheme.levels.items()},
        "aggregation": scheme.aggregation,
        "decimals": scheme.decimals,
        "weight_spread": scheme.weight_spread,
        "bounds": [float(end) for end in scheme.bounds],
    }


def _facts(assessment: GroupAssessment) -> dict[str, str]:
    """Return method and provenance for the page."""
    scheme, settings = assessment.matrix.scheme, assessment.settings
    words = [f"{word} = {float(points):g}" for word, points in scheme.levels.items()]
    listed = len(words) <= _LISTED_LEVELS and isinstance(scheme.scale, Mapping)
    names = list(scheme.levels)
    error = 1.96 * np.sqrt(0.25 / settings.draws)
    return {
        "aggregation": scheme.aggregation.replace("_", " "),
        "scale": ", ".join(words) if listed else f"{names[0]}, {names[1]} ... {names[-1]}",
        "bounds of the score": " to ".join(str(scheme.rounded(end)) for end in scheme.bounds),
        "spread of weights": f"{scheme.weight_spread:g} (standard deviation of the logarithm)",
        "draws": f"{settings.draws:,}, seed {settings.seed}; a probability is exact to within {100 * error:.1f} points",
        "digest of the matrix": assessment.matrix.digest(),
    }


def _evidence(assessment: GroupAssessment, moment: datetime) -> GroupEvidence:
    """Return what the page shows."""
    matrix, ranking, order = assessment.matrix, assessment.ranking, assessment.order
    square = pd.DataFrame(ranking.outranks, index=list(ranking.groups), columns=list(ranking.groups))
    shares = pd.DataFrame(ranking.rank_shares, index=list(ranking.groups))
    marks = [(one.name, one.component, one.definition, f"{float(one.weight):g}") for one in matrix.scheme.marks]
    low, high = (float(end) for end in matrix.scheme.bounds)
    return GroupEvidence(
        name=matrix.name,
        scheme=matrix.scheme.name,
        decimals=matrix.scheme.decimals,
        conclusions=assessment.conclusions,
        authorisation=vars(matrix.authorisation),
        until=matrix.authorisation.until,
        groups=assessment.to_frame(),
        outranks=square.loc[order, order],
        rank_shares=shares.loc[order],
        requirements=assessment.requirements_frame(),
        disagreement=assessment.disagreement(),
        attributes=pd.DataFrame(marks, columns=["attribute", "component", "definition", "weight"]),
        bounds=(low, high),
        facts=_facts(assessment),
        separation=ranking.separation,
        written=f"{moment:%Y-%m-%d %H:%M %Z}",
    )
