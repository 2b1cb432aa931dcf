"""Monitor an admitted forecaster in every period after its audit: CUSUM charts of its measures, and data drift."""
