"""Wrappers that correct the level, the intervals or the city total of another forecaster."""
