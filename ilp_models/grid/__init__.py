"""Grids: squares, rectangles, hexagons and given areas as cells, with parent areas."""
