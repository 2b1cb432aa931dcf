"""The task `assess`: threats of a city, or criminal groups from a matrix that analysts scored."""

from collections.abc import Mapping
from pathlib import Path

from ilp_models.domain.calendar import Calendar
from ilp_models.domain.compute import Compute
from ilp_models.domain.errors import InputError
from ilp_models.domain.events import EventSource
from ilp_models.domain.grid import GridSpec
from ilp_models.domain.harm import HarmSource
from ilp_models.domain.text_output import check_decimal
from ilp_models.domain.timing import SIMULATED
from ilp_models.model.long_horizons.horizons import LongHorizons
from ilp_models.pipeline.atomic_files import keep_private
from ilp_models.pipeline.group_task import assess_group_file, write_group_template
from ilp_models.pipeline.outputs import read_study
from ilp_models.pipeline.threat_files import write_threat_assessment
from ilp_models.pipeline.threat_inputs import read_previous
from ilp_models.pipeline.threat_scenarios import with_scenarios
from ilp_models.pipeline.threats import assess_threats
from ilp_models.report.threats_page import PAGE
from ilp_models.strategy.groups.scheme import GroupScheme
from ilp_models.strategy.rank_draws import RankDraws
from ilp_models.strategy.threats.comparison import compare_assessments
from ilp_models.strategy.threats.inputs import ThreatInputs
from ilp_models.strategy.threats.judgements import JudgementScheme
from ilp_models.strategy.threats.scenarios import Scenarios


def run(  # noqa: PLR0913 - one parameter for each part of the configuration
    *,
    data: EventSource,
    grid: GridSpec,
    harm_sets: Mapping[str, HarmSource],
    long_horizons: LongHorizons,
    judgements: JudgementScheme,
    inputs: ThreatInputs,
    scenarios: Scenarios | None,
    compute: Compute,
    matrix: str | None,
    template: str | None,
    scheme: GroupScheme,
    ranking: RankDraws,
    decimal: str,
    folder: Path,
) -> str:
    """Write page and tables of the threats or of a matrix of groups, and return a summary."""
    if matrix is not None:
        keep_private(folder)
    check_decimal(decimal, "decimal")
    if matrix is not None and template is not None:
        msg = "Only one of matrix= and template= is possible. Write the empty file first, and fill it in."
        raise InputError(msg)
    if template is not None:
        return write_group_template(template, scheme)
    if matrix is not None:
        return assess_group_file(matrix, scheme, ranking, decimal, folder)
    before = None if inputs.previous is None else read_previous(inputs.previous)  # before the long computation
    study = read_study(data, grid, folder, calendar=Calendar("month"), layers={}, first_cutoff="next")
    assessment = assess_threats(
        study.events,
        harm_sets,
        long_horizons=long_horizons,
        judgements=judgements,
        inputs=inputs,
        ranking=ranking,
        compute=compute,
    )
    if scenarios is not None:
        assessment = with_scenarios(assessment, study.events, grid, scenarios)
    moved = None if before is None else compare_assessments(assessment, before, f"inputs.previous={inputs.previous}")
    write_threat_assessment(assessment, folder, moved=moved, decimal=decimal)
    lines = [SIMULATED] if study.events.simulated else []
    return "\n".join([repr(assessment), *lines, "Research only - not for resource allocation.", f"{folder / PAGE}"])
