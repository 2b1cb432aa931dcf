"""Where runs are recorded. Nothing is told to anyone else: this is set before the store's library is imported."""

import os

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("DO_NOT_TRACK", "true")
# The library's own default waits minutes for a server that is not there.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
