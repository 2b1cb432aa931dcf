"""Means of the past: plain, seasonal, exponentially weighted, level times share, empirical Bayes."""
