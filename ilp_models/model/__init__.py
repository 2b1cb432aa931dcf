"""Forecasting methods; a baseline is a model like any other.

In the examples, `history` is what is known of two crime types in twelve cells after 110 weeks, and `next_week` is the
week after it.
"""
