"""An admitted forecaster watched in every period since its audit."""
