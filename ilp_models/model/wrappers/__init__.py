"""Forecasters around another one: level, intervals and coherent sums mended by its past forecasts."""
