"""Risk grids as files, each with its provenance, caveat and grade inside."""
