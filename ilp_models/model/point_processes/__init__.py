"""Self-exciting point processes: by expectation-maximisation, by maximum likelihood (ETAS), and in cells."""
