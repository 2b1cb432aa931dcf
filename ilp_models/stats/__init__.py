"""Mathematics on plain arrays: distributions, bootstrap, ranking, calibration, rank statistics, filters, pooling."""
