"""Mathematics without nouns: distributions, bootstrap, ranking, calibration, rank statistics, filters, pooling."""
