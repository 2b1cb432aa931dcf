"""Numbers that the audit specification states for each case, with tolerances."""

from typing import NamedTuple


class Case(NamedTuple):
    """A model to audit, and the checks that must fail."""

    city: str
    crime_type: str
    unit: str
    flagged: int
    must_fail: tuple[str, ...]
    model: str = "own"  # what the trees learn from; see forecast_lightgbm


CASES = {
    "auto theft": Case("Toronto", "Auto Theft", "count", 14, ("deviance_skill", "sum_ratio")),
    "auto theft, short memory": Case(
        "Toronto", "Auto Theft", "count", 14, ("deviance_skill", "sum_ratio"), "short memory"
    ),
    "assault per km2": Case("Toronto", "Assault", "per_km2", 14, ("coverage_ratio",)),
    "robbery": Case("Toronto", "Robbery", "count", 14, ("coverage_ratio",)),
    "assault top 8": Case("Chicago", "ASSAULT", "count", 8, ("need_adjusted_ratio",)),
    "assault by count": Case("Toronto", "Assault", "count", 14, ()),
}
# case, measure, group, stated, tolerance: written down before the first run
STATED = [
    ("auto theft", "deviance", "", 1.057, 0.02),
    ("auto theft", "deviance of the baseline", "", 1.044, 0.02),
    ("auto theft", "deviance_skill", "", 1 - 1.057 / 1.044, 0.02),
    ("auto theft", "expected over recorded, lowest group", "", 0.81, 0.05),
    ("auto theft", "expected over recorded, highest group", "", 0.88, 0.05),
    ("assault per km2", "coverage", "Black", 0.164, 0.02),
    ("assault per km2", "coverage", "no visible minority", 0.278, 0.02),
    ("assault per km2", "coverage_ratio", "", 0.59, 0.05),
    ("robbery", "coverage", "no visible minority", 0.269, 0.02),
    ("robbery", "coverage", "South Asian", 0.389, 0.02),
    ("robbery", "coverage_ratio", "", 0.69, 0.05),
    ("assault top 8", "need_adjusted_ratio", "Black", 1.56, 0.005),
    ("assault top 8", "need_adjusted_ratio", "white", 0.13, 0.005),
    ("assault top 8", "exposure over that of white residents", "Black", 29, 0.5),
    ("assault by count", "exposure", "Black", 0.240417, 0.01),
    ("assault by count", "exposure", "South Asian", 0.237625, 0.01),
    ("assault by count", "exposure", "other visible minority", 0.195202, 0.01),
    ("assault by count", "exposure", "no visible minority", 0.145229, 0.01),
    ("assault by count", "exposure", "Chinese", 0.143863, 0.01),
]
RATIOS = [
    (f"{title}, {end} group", stated)
    for title in ("expected over recorded", "the same weighted by residents")
    for end, stated in (("lowest", 0.81), ("highest", 0.88))
]
# added after the first run, to explain differences
LATER = [
    *(("auto theft", measure, "", stated, 0.05) for measure, stated in RATIOS[2:]),
    *(
        ("auto theft, short memory", measure, "", stated, tolerance)
        for measure, stated, tolerance in (
            ("deviance", 1.057, 0.005),
            ("deviance_skill", 1 - 1.057 / 1.044, 0.005),
            *((*one, 0.03) for one in RATIOS),
        )
    ),
    ("assault per km2", "coverage over that of no visible minority", "Black", 0.59, 0.02),
]
