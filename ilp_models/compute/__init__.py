"""Where work runs: local processes, or a cluster."""
