"""Event sources: own and published records, the bundled Toronto set and the simulated city; context layers."""
