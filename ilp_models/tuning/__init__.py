"""Search of settings by past forecasts; Optuna is imported nowhere else."""
