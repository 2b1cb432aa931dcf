"""Variables of the environment that the command line reads or sets."""

from typing import Final

CONFIG_DIR: Final = "ILP_CONFIG_DIR"  # instead of the flag --config-dir
# Set before heavy imports: no telemetry, no busy waiting of threads, and figures without a screen. In worker processes
# glibc returns freed arrays above 2 MB to the system; joblib restarts workers that seem to grow.
DEFAULTS: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_WAIT_POLICY": "passive",
    "MPLBACKEND": "Agg",
    "MALLOC_MMAP_THRESHOLD_": str(2 * 2**20),
    "MALLOC_TRIM_THRESHOLD_": str(16 * 2**20),
}
