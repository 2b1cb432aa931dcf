"""Scores of stored forecasts: counts, hot spots, calibration and bounds."""
