"""Forecasts of whole cities and districts for months ahead: methods for one series of counts each, and their mean."""
