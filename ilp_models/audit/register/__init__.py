"""The register of decisions, and who may act on them."""
