"""Effort for cells and periods under a budget: what to cover when not all can be."""
