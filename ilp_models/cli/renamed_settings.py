"""Settings, options and tasks that were renamed: an old key is refused and the new one is named."""

from collections.abc import Iterable, Mapping
from typing import Final

# Old key: new key; `*` is one name, such as that of a model.
SETTINGS: Final[Mapping[str, str]] = {
    "allocation.budget.share": "allocation.budget.budget_share",
    "allocation.budget.unit": "allocation.budget.budget_unit",
    "allocation.seconds": "allocation.time_limit_s",
    "audit.block": "bootstrap.block",
    "audit.definitions": "audit.alternative_groupings",
    "audit.deprived": "audit.underreporting_group",
    "audit.draws": "bootstrap.draws",
    "audit.families": "audit.allowed_families",
    "audit.feedback.every": "audit.feedback.refit_every",
    "audit.feedback.level": "audit.feedback.confidence",
    "audit.feedback.memory": "audit.feedback.training_periods",
    "audit.feedback.reporting": "audit.feedback.unpatrolled_reporting_rate",
    "audit.governance.level": "audit.governance.tier",
    "audit.groups.level": "audit.groups.area_level",
    "audit.groups.share": "audit.groups.population_share",
    "audit.harm.*": "harm=[csi_2009,ons_css] and audit.harm=csi_2009",
    "audit.level": "bootstrap.confidence",
    "audit.minimum": "audit.min_evidence",
    "audit.refused": "audit.forbidden_terms",
    "audit.reporting_rates.level": "audit.reporting_rates.area_level",
    "audit.seed": "bootstrap.seed",
    "audit.share": "audit.land_share",
    "audit.unit": "audit.rank_by",
    "calendar.unit": "calendar.period_unit",
    "chosen.who": "chosen_by",
    "chosen.why": "reason",
    "compute.patience": "compute.timeout_s",
    "data.where": "data.filters",
    "explain.top_share": "explain.land_share",
    "from": "rerun",
    "frontier.seconds": "frontier.time_limit_s",
    "groups.level": "groups.area_level",
    "groups.share": "groups.population_share",
    "layers.*.where": "layers.*.filters",
    "level": "audience",
    "model.*.keep_level": "model.*.match_city_total",
    "model.*.level": "model.*.area_level",
    "model.*.offset.reach": "model.*.offset.reach_cells",
    "model.*.reach": "model.*.reach_cells (or reach_m for prospective_hot_spot)",
    "model.etas.background_reaches": "model.etas.background_reaches_m",
    "model.explainable_boosting.regressor.random_state": "model.explainable_boosting.seed",
    "model.explainable_boosting.regressor": "model.explainable_boosting",
    "model.hist_gradient_boosting.regressor.random_state": "model.hist_gradient_boosting.seed",
    "model.hist_gradient_boosting.regressor": "model.hist_gradient_boosting",
    "model.poisson_glm.regressor": "model.poisson_glm",
    "model.random_forest.regressor.random_state": "model.random_forest.seed",
    "model.random_forest.regressor": "model.random_forest",
    "scoring.area_share": "scoring.curve_land_share",
    "scoring.block": "bootstrap.block",
    "scoring.draws": "bootstrap.draws",
    "scoring.harm": "harm=[csi_2009,ons_css]",
    "scoring.level": "bootstrap.confidence",
    "scoring.seed": "bootstrap.seed",
    "scoring.shares": "scoring.land_shares",
    "objective.harm.*": "harm=[csi_2009,ons_css] and objective.harm=csi_2009",
    "objective.source": "harm=[csi_2009,ons_css], whose sets state their source",
    "trusted": "trusted_keys",
    "tuning.space.keep_level": "tuning.space.match_city_total",
    "unit": "rank_by",
}
OPTIONS: Final[Mapping[str, str]] = {"grid=searched": "grid=random_search"}


def renamed_key(key: str) -> str | None:
    """Return the new name of a setting, or None if it was not renamed."""
    words = key.split(".")
    for old, new in SETTINGS.items():
        pattern = old.split(".")
        if len(words) >= len(pattern) and all(p in ("*", w) for p, w in zip(pattern, words, strict=False)):
            stars = [word for part, word in zip(pattern, words, strict=False) if part == "*"]
            for word in stars:
                new = new.replace("*", word, 1)
            return ".".join([new, *words[len(pattern) :]])
    return None


def first_renamed(keys: Iterable[str]) -> tuple[str, str] | None:
    """Return the first renamed key among some dotted keys, with its new name."""
    found = ((key, renamed_key(key)) for key in keys)
    return next(((key, new) for key, new in found if new is not None), None)
