"""Event sources: published and own records, the bundled Toronto set, the simulated city."""
