"""Replaying history: forecasts as they would have been known at each cutoff, stored with what then happened."""
