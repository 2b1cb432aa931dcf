"""Regressions on a design matrix: generalised linear models, tree ensembles, one model per crime type."""
