"""Effort given to cells: under what terms, with which changes by hand, and the pages of it."""
