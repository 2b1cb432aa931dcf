"""Describe recorded crime: change, hours, near repeats, hot spots and concentration. Never a forecast."""
