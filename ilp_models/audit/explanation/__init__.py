"""Checks of the explanation, and proxies for groups."""
