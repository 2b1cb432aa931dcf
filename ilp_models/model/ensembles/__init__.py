"""Forecasts put together by what they were worth in the past."""
