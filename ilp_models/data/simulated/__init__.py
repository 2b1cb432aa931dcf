"""Simulated city: records, residents and true expected counts, reproducible from a seed."""
