"""Allocate patrol effort to cells and periods under a budget and constraints."""
