"""An admitted forecaster measured again since its audit."""
