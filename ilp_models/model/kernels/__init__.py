"""Kernel densities and prospective hot spots, integrated over cells."""
