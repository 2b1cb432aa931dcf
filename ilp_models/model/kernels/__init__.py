"""Kernel density estimation and prospective hot spots, integrated over cells."""
