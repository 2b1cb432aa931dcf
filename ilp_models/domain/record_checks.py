"""Catalogue entries of the checks of the records that a forecast rests on."""

from typing import Final

from ilp_models.domain.check_definition import EXACT, REVIEWER, Check, Limit, Scope

RECORD_CHECKS: Final = (
    Check(
        name="overused_points",
        label="Over-used points in flagged areas",
        question="Are areas flagged because of single points that hold far more records than others?",
        formula="pairs of crime type and flagged area with at least half of their records at over-used points",
        reading="0: no flagged area depends on single points. Above 0: busy places, or artefacts of recording.",
        interval=EXACT,
        scope=Scope.MODEL,
        limit=Limit(warn_above=0, neutral=0),
        adjustable=False,
        signer=REVIEWER,
        advice="Look up the places. Exclude artefacts with data.exclude, or say in an approval why they count.",
        function="overused_points.check_overused_points",
    ),
)
