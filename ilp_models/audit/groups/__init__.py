"""Residents by area and group: read census tables, check them and distribute residents over the cells of a grid."""
