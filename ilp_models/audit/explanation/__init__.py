"""Checks of explanations, and columns that stand in for groups."""
