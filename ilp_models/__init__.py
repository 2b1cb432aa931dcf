"""Forecast recorded crime by place and crime type, audit the forecasts, and plan patrol effort.

`import ilp_models as ilp`: every public name is loaded on first use, so that the import takes milliseconds.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public name: the module that defines it, below this package.
_PUBLIC = {
    # read
    "read_events": "pipeline.events_reader",
    "suggest_data_settings": "pipeline.data_settings",
    "load_toronto": "pipeline.events_reader",
    "SimulatedCity": "data.simulated.city",
    "PatrolledCity": "data.simulated.patrols",
    "Events": "domain.events",
    # cut space and time
    "SquareGrid": "grid.square",
    "HexGrid": "grid.hexagon",
    "AreaGrid": "grid.areas",
    "RectangleGrid": "grid.rectangle",
    "RandomSearchGrid": "grid.random_search",
    "Calendar": "domain.calendar",
    "History": "domain.history",
    # run
    "run_backtest": "pipeline.backtesting",
    "compare_forecasts": "pipeline.comparison",
    "seal_forecasts": "pipeline.forecast_seal",
    "write_rival_kit": "pipeline.rival_kit",
    "train_pooled": "pipeline.pooled_training",
    "train_pooled_prior": "pipeline.pooled_training",
    "make_forecast": "pipeline.forecasting",
    "forecast_totals": "pipeline.totals",
    "explain_forecast": "pipeline.forecasting",
    "split_by_part_of_day": "pipeline.part_of_day",
    "score_part_of_day": "pipeline.part_of_day",
    "audit_plan": "pipeline.auditing",
    "decide": "pipeline.audit_result",
    "allocate_effort": "pipeline.plan",
    "design_trial": "pipeline.trial_design",
    "write_trial_design": "pipeline.trial_design_files",
    "read_dose": "data.dose_table",
    "evaluate_trial": "pipeline.evaluation",
    "write_trial_evaluation": "pipeline.trial_result",
    "read_group_matrix": "pipeline.group_matrix",
    "assess_groups": "pipeline.group_assessment",
    "assess_threats": "pipeline.threats",
    "compile_brief": "pipeline.brief_report",
    "write_brief": "pipeline.brief_files",
    "write_threat_assessment": "pipeline.threat_files",
    "write_group_assessment": "pipeline.group_assessment",
    "describe_events": "pipeline.description",
    "write_description": "pipeline.description",
    "ChangeTable": "description.change",
    "HourProfile": "description.hours",
    "Concentration": "description.concentration",
    "run_region": "cli.region_task",
    "read_region": "pipeline.region",
    "write_region": "pipeline.region",
    "read_forecast": "export.reader",
    "load_approved": "pipeline.run_folder",
    "load_harm_set": "pipeline.harm_sets",
    "describe_code": "pipeline.study",
    # describe the past
    "NearRepeats": "description.near_repeats",
    "HotSpots": "description.hot_spots",
    # settings
    "LongHorizons": "model.long_horizons.horizons",
    "JudgementScheme": "strategy.threats.judgements",
    "RankDraws": "strategy.rank_draws",
    "ThreatInputs": "strategy.threats.inputs",
    "Scoring": "scoring.scores",
    "Bootstrap": "stats.bootstrap",
    "Explain": "explain.explain",
    "Audit": "audit.audit",
    "Governance": "domain.governance",
    "GroupTable": "audit.groups.table",
    "Register": "audit.register.register",
    "TrialRecord": "tracking.trial_record",
    "HarmSet": "domain.harm",
    "Objective": "allocation.objective",
    "TopAreas": "allocation.top_areas",
    "Capped": "allocation.top_areas",
    "Proportional": "allocation.proportional",
    "Constrained": "allocation.constrained",
    "Budget": "allocation.budget",
    "Frontier": "allocation.frontier",
    "RuleSearch": "tuning.rule_search",
    "TrialTerms": "domain.trial_design",
    "TrialUnits": "evaluation.units",
    "MatchedPairs": "evaluation.schemes",
    "BlockedRandomisation": "evaluation.schemes",
    "Crossover": "evaluation.schemes",
    "SteppedWedge": "evaluation.schemes",
    "Observational": "evaluation.schemes",
    "PowerSimulation": "evaluation.power",
    "GroupScheme": "strategy.groups.scheme",
    "RegionPlan": "domain.region_plan",
    "LocalProcesses": "compute.local",
    "DaskCluster": "compute.dask_cluster",
    # errors
    "IlpError": "domain.errors",
    "InputError": "domain.errors",
    "NotRunError": "domain.errors",
    "StorageError": "domain.errors",
    "WithheldError": "domain.errors",
}
# Forecasters: the module that defines each, below `ilp_models.model`.
_FORECASTERS = {
    "MovingAverage": "means.moving_average",
    "SeasonalMean": "means.seasonal_mean",
    "EWMA": "means.ewma",
    "LevelShare": "means.level_share",
    "EmpiricalBayes": "means.empirical_bayes",
    "PooledEmpiricalBayes": "means.pooled_bayes",
    "SeasonalNaive": "long_horizons.methods",
    "ETS": "long_horizons.methods",
    "STLETS": "long_horizons.methods",
    "Theta": "long_horizons.methods",
    "LinearTrend": "long_horizons.methods",
    "SeriesMean": "long_horizons.methods",
    "KDE": "kernels.kernel_density",
    "ProspectiveHotSpot": "kernels.prospective_hot_spot",
    "SelfExciting": "point_processes.self_exciting",
    "ETAS": "point_processes.etas",
    "GridHawkes": "point_processes.grid_hawkes",
    "RiskTerrain": "risk_terrain",
    "PoissonGLM": "regressions.glm",
    "NegativeBinomialGLM": "regressions.glm",
    "ExplainableBoosting": "regressions.tree_ensembles",
    "LightGBM": "regressions.lightgbm",
    "LightGBMPerType": "regressions.per_type",
    "PooledLightGBM": "regressions.pooled",
    "HistGradientBoosting": "regressions.tree_ensembles",
    "RandomForest": "regressions.tree_ensembles",
    "Stacked": "ensembles",
    "BestPast": "ensembles",
    "Recalibrated": "wrappers.recalibrated",
    "NegativeBinomialIntervals": "wrappers.intervals",
    "ConformalIntervals": "wrappers.conformal",
    "Reconciled": "wrappers.reconciled",
    "AcrossBorders": "wrappers.across_borders",
    "TrueIntensity": "true_intensity",
}
_PUBLIC.update({name: f"model.{module}" for name, module in _FORECASTERS.items()})

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
