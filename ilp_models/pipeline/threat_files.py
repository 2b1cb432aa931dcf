"""Write the products of a threat assessment: page, tables, draft control strategy and the assessment as JSON."""

from pathlib import Path
from typing import Final

import pandas as pd

from ilp_models.domain.brief import CONFIDENCES
from ilp_models.domain.errors import StorageError
from ilp_models.domain.text_output import write_table
from ilp_models.export.control_strategy import write_control_strategy
from ilp_models.pipeline.outputs import write_json
from ilp_models.pipeline.threat_inputs import ASSESSMENT
from ilp_models.report.threats_page import ThreatsEvidence, write_threats_page
from ilp_models.strategy.threats.assessment import ThreatAssessment
from ilp_models.strategy.threats.control_strategy import draft_control_strategy
from ilp_models.strategy.threats.judgements import COLUMNS, DIMENSIONS, GRADES
from ilp_models.strategy.yardstick import YARDSTICK

JUDGEMENTS: Final = "judgements.csv"


def write_threat_assessment(
    assessment: ThreatAssessment, folder: str | Path, *, moved: pd.DataFrame | None = None, decimal: str = "point"
) -> list[Path]:
    """Write page, tables, draft control strategy and JSON of an assessment; return the files.

    Parameters
    ----------
    assessment : ThreatAssessment
        The result of :func:`assess_threats`.
    folder : str or Path
        Created if it does not exist.
    moved : DataFrame, optional
        What rose and fell since the last assessment.
    decimal : str, default "point"
        Decimal mark of the CSV files: ``point`` or ``comma``.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    StorageError
        If a file cannot be written.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> events = ilp.SimulatedCity(size_km=2, districts=2, weeks=120).read()
    >>> year = ilp.LongHorizons(city_months=12, area_months=0, city_days=0, origins=0)
    >>> mean, one = ilp.SeriesMean(train_periods=24), ilp.LocalProcesses(1)
    >>> totals = ilp.forecast_totals(events, mean, long_horizons=year, compute=one)
    >>> harm = [ilp.load_harm_set("csi_2009"), ilp.load_harm_set("ons_css")]
    >>> assessment = ilp.assess_threats(events, harm, totals=totals, ranking=ilp.RankDraws(1000))
    >>> [file.name for file in ilp.write_threat_assessment(assessment, folder / "assessment")][-2:]
    ['assessment.html', 'assessment.json']
    """
    folder = Path(folder)
    tables = {
        "threats.csv": assessment.table,
        "ranks.csv": assessment.ranks(),
        "areas.csv": assessment.areas,
        "area_ranks.csv": assessment.area_ranks,
        "gaps.csv": assessment.gaps_frame(),
        JUDGEMENTS: _judgements_of_all(assessment),
    }
    if assessment.scenarios is not None:
        tables["scenarios.csv"] = assessment.scenarios
    if moved is not None:
        tables["since_last.csv"] = moved
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ASSESSMENT).unlink(missing_ok=True)  # written last: its presence says that the files are whole
        for name, table in tables.items():
            write_table(table, folder / name, decimal)
    except OSError as error:
        msg = f"The tables were not written to {folder} ({error.strerror}). Free disk space or choose another folder."
        raise StorageError(msg) from error
    strategy = assessment.strategy
    draft = draft_control_strategy(assessment.threats) if strategy is None else strategy.table
    files = [folder / name for name in tables]
    evidence = {"gaps": assessment.gaps_frame(), "area_ranks": assessment.area_ranks}
    files.append(write_control_strategy(draft, _how_to(), folder, evidence))
    files.append(write_threats_page(folder, threats_evidence(assessment, moved)))
    files.append(write_json(folder / ASSESSMENT, assessment.to_dict()))
    return files


def judgement_table(assessment: ThreatAssessment) -> pd.DataFrame:
    """Return one row for each threat and dimension, ready to be filled in and given back."""
    known = assessment.judgements
    notes = {(row["threat"], row["dimension"]): row for row in known.notes.to_dict("records")}
    rows = []
    for threat in assessment.threats:
        for dimension in known.scheme.dimensions:
            score = known.scores.loc[threat, dimension]
            note = notes.get((threat, dimension), {})
            rows.append((threat, dimension, score, note.get("evidence_grade", ""), note.get("confidence", "")))
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"score": "Int64"})  # 3 and not 3.0


def _judgements_of_all(assessment: ThreatAssessment) -> pd.DataFrame:
    """Return the table to fill in, and below it the scores of areas if any is given."""
    table, areas = judgement_table(assessment), assessment.judgements.areas
    return table if areas.empty else pd.concat([table, areas], ignore_index=True)


def threats_evidence(assessment: ThreatAssessment, moved: pd.DataFrame | None = None) -> ThreatsEvidence:
    """Return what the page of an assessment shows."""
    strategy = assessment.strategy
    return ThreatsEvidence(
        conclusions=assessment.conclusions(),
        table=assessment.table,
        areas=assessment.areas,
        ranks=assessment.ranks(),
        harm={one.weights.name: one.weights.to_dict() for one in assessment.rankings},
        reasons={name: one.reasons for name, one in zip(assessment.threats, assessment.confidences, strict=True)},
        gaps=assessment.gaps_frame(),
        area_ranks=assessment.area_ranks,
        judgements=judgement_table(assessment),
        judgement_share=assessment.judgements.scheme.share,
        indicators=assessment.indicators,
        left_out=assessment.left_out,
        scenarios=assessment.scenarios,
        moved=moved,
        open_fields=None if strategy is None else (strategy.open_fields, strategy.fields),
        yardstick=YARDSTICK,
        facts=assessment.facts,
    )


def _how_to() -> list[str]:
    """Return how to fill in the control strategy and the judgements."""
    dimensions = [f"{name.replace('_', ' ')}: {text}." for name, text in DIMENSIONS.items()]
    return [
        "People decide what to do about each threat. This file is a draft with empty fields.",
        "Fill in the yellow fields. Do not write names of persons, groups or addresses.",
        "Give the file back with: ilp assess inputs.control_strategy=control_strategy.xlsx",
        f"Judgements are given in {JUDGEMENTS}: a score on the declared scale, an evidence grade "
        f"({', '.join(GRADES)}; A is best) and a confidence ({', '.join(CONFIDENCES)}). Leave unknown scores empty.",
        *dimensions,
    ]
