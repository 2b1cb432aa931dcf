"""Grids: squares, hexagons and given areas as cells, active where events are known, with parent areas."""
