"""Suggest the settings of records from their column names and values."""
