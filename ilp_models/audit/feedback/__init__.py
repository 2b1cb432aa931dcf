"""Feedback: a forecaster that learns from records which depend on patrols of its own maps."""
