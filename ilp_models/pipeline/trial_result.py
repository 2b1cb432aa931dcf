"""The result of a trial: effects, flow, findings and checks, shown and written as page, tables and JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from ilp_models.audit.register.register import Register
from ilp_models.domain.digest import digest_of
from ilp_models.domain.grid import Grid
from ilp_models.domain.notebook_html import html_summary
from ilp_models.domain.text_output import check_decimal, write_table
from ilp_models.domain.trial_design import TrialDesign
from ilp_models.domain.trial_finding import TrialFinding
from ilp_models.export.workbook import is_too_long, write_tables
from ilp_models.pipeline.atomic_files import write_all_or_none
from ilp_models.pipeline.outputs import plain_rows
from ilp_models.pipeline.trial_register import register_evaluation
from ilp_models.report.trial_page import TrialEvidence, write_trial_page
from ilp_models.report.trial_text import OBSERVATIONAL, headline, promise_text

PAGE: Final = "evaluation.html"
FACTS: Final = "evaluation.json"
WORKBOOK: Final = "evaluation.xlsx"


@dataclass(frozen=True, eq=False, repr=False)
class TrialResult:
    """What a trial shows, and what limits it.

    Attributes
    ----------
    design : TrialDesign
        The design.
    observational : bool
        Whether units were not drawn, or the design was not registered before the first day.
    effects : DataFrame
        One row for each outcome and estimator: ``role`` (main, secondary, check), ratio and events with intervals,
        ``p_value``, ``p_adjusted`` (Holm, over secondary outcomes) and ``conclusion``.
    totals : DataFrame
        Counts of the main outcome before and during the trial, by arm.
    flow : DataFrame
        Units that were chosen, assigned, got a dose and are analysed.
    findings : tuple of TrialFinding
        What a reader must know.
    event_study : DataFrame, optional
        Ratio of treated to control counts by span; None without one start.
    reporting : DataFrame
        The effect if more was recorded in treated places.
    tipping : float
        The rise of recording from which the conclusion is another.
    dose_map, dose_periods : DataFrame, optional
        Hours by place and by period.
    facts : mapping
        Digests, spans and code.
    sums : mapping
        The main outcome by period, for the register.
    grid : Grid
        The cells, for the map of the dose.
    """

    design: TrialDesign
    observational: bool
    effects: pd.DataFrame
    totals: pd.DataFrame
    flow: pd.DataFrame
    findings: tuple[TrialFinding, ...]
    event_study: pd.DataFrame | None
    reporting: pd.DataFrame
    tipping: float
    dose_map: pd.DataFrame | None
    dose_periods: pd.DataFrame | None
    facts: Mapping[str, Any]
    sums: Mapping[str, Any]
    grid: Grid

    @property
    def main(self) -> pd.Series:
        """The row of the main result."""
        return self.effects.iloc[0]

    @property
    def headline(self) -> str:
        """The main result in words."""
        row = {str(name): value for name, value in self.main.items()}
        return headline(row, observational=self.observational, confidence=self.facts["confidence"])

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by the name of its file."""
        found = pd.DataFrame(
            [(one.check, one.serious, one.text) for one in self.findings], columns=["check", "serious", "finding"]
        )
        tables = {"effects": self.effects, "totals": self.totals, "flow": self.flow, "findings": found}
        optional = {"event_study": self.event_study, "dose_map": self.dose_map, "dose_periods": self.dose_periods}
        tables |= {"reporting": self.reporting}
        return tables | {name: table for name, table in optional.items() if table is not None}

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "headline": self.headline,
            "planned": promise_text(self.design, {str(name): value for name, value in self.main.items()}),
            "observational": self.observational,
            **self.facts,
            "tipping": self.tipping if pd.notna(self.tipping) else None,
            **{name: plain_rows(table) for name, table in self.tables().items()},
        }

    @property
    def evidence(self) -> TrialEvidence:
        """What the page shows."""
        return TrialEvidence(
            design=self.design,
            observational=self.observational,
            headline=self.headline,
            tables=self.tables(),
            findings=self.findings,
            tipping=self.tipping,
            facts=self.facts,
            grid=self.grid,
        )

    def to_html(self, path: str | Path) -> Path:
        """Write the page to a file, its figures to the folder ``figures`` next to it, and return the page."""
        write_trial_page(Path(path), self.evidence)
        return Path(path)

    def __repr__(self) -> str:
        """Return the headline and the serious findings, one a line."""
        mark = [OBSERVATIONAL] if self.observational else []
        return "\n".join([*mark, self.headline, *(one.text for one in self.findings if one.serious)])

    def _repr_html_(self) -> str:
        """Return the main facts as a table, for notebooks."""
        facts = {"result": self.headline, "kind": "observational" if self.observational else self.design.scheme}
        facts |= {one.check: one.text for one in self.findings if one.serious}
        return html_summary("Evaluation of a field trial", facts)


def write_trial_evaluation(
    result: TrialResult,
    folder: str | Path,
    *,
    register: str | Path | Register | None = None,
    decimal: str = "point",
) -> Path:
    """Write a result as a page, figures, a workbook, CSV files and JSON, or nothing; then its line in the register.

    Parameters
    ----------
    result : TrialResult
        The result of `evaluate_trial`.
    folder : str or Path
        Created if it does not exist.
    register : str, Path or Register, optional
        The register that gets a line with the effect, the digests and the counts by period.
    decimal : str, default "point"
        Decimal mark of the CSV files: ``point``, or ``comma`` with semicolons between columns.

    Returns
    -------
    Path
        Path of the page.

    Raises
    ------
    InputError
        If the decimal mark is unknown.
    StorageError
        If a file or the register cannot be written.

    Examples
    --------
    >>> import ilp_models as ilp
    >>> ilp.write_trial_evaluation(None, "outputs/trial", decimal="dot")
    Traceback (most recent call last):
    ilp_models.domain.errors.InputError: decimal='dot' is unknown. Choose one of point, comma.
    """
    check_decimal(decimal, "decimal")
    target, tables = Path(folder), result.tables()
    writers: dict[str, Callable[[Path], object]] = {
        f"{name}.csv": partial(write_table, table, decimal=decimal) for name, table in tables.items()
    }
    writers[WORKBOOK] = partial(_write_workbook, result)
    text = json.dumps(result.to_dict(), indent=1, ensure_ascii=False, default=str) + "\n"
    writers[FACTS] = partial(Path.write_text, data=text, encoding="utf-8")
    writers[PAGE] = result.to_html
    write_all_or_none(target, writers, "The evaluation")
    if register is not None:
        register_evaluation(result.design, Register.from_path(register), _line(result, digest_of(text.encode())))
    return target / PAGE


def _write_workbook(result: TrialResult, path: Path) -> None:
    sheets = {name: table for name, table in result.tables().items() if not is_too_long(table)}
    created = pd.Timestamp(result.facts["last_day"])  # the present would change the bytes
    mark = f"{OBSERVATIONAL}. " if result.observational else ""
    write_tables(
        sheets, path, title="Evaluation of a field trial", headline=f"{mark}{result.headline}", created=created
    )


def _line(result: TrialResult, digest: str) -> dict[str, Any]:
    """Return the content of the line in the register."""
    main = plain_rows(result.effects.head(1))[0]
    return {
        "file": FACTS,
        "digest": digest,
        "records": result.facts["records"],
        "periods": result.facts["periods"],
        "observational": result.observational,
        "effect": {name: main[name] for name in ("estimator", "ratio", "ratio_low", "ratio_high", "p_value")},
        "conclusion": main["conclusion"],
        "findings": [one.check for one in result.findings],
        "sums": dict(result.sums),
    }
