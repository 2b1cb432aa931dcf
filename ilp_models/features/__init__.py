"""Feature families: columns for regressions and trees, computed from past counts, the calendar and context layers."""
