"""Describe recorded crime: change, hours, near repeats, hot spots and concentration. It is not a forecast."""
