"""Sensitivity of an audit to choices (ranking, groups, areal units) and unknowns (reporting rates, census errors)."""
