"""Export forecasts and allocations as files; each file contains its grade, provenance and caveats."""
