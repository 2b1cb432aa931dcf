"""Forecasting methods; a baseline is a model like any other."""
