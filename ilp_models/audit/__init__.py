"""What forecasts do to groups of residents, whether they hold up, and the gate."""
