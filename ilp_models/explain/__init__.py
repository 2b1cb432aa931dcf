"""Why forecasts say what they say."""
