"""Means of the past: moving average, seasonal mean, EWMA, level times share, empirical Bayes."""
