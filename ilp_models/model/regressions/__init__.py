"""Regressions on a design matrix: linear models, trees, and one forecaster a crime type."""
