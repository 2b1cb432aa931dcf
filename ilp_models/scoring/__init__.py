"""Scores of stored forecasts: counts, hot spots, harm, calibration, paired tests and consistency tests."""
