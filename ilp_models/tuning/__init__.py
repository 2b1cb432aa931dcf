"""Hyperparameter search with Optuna, on periods before the test periods."""
