"""Self-exciting point processes: by expectation-maximisation, by maximum likelihood, and in cells."""
