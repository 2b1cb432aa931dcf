"""Rolling-origin backtests: forecasts made with past data only, stored with the recorded counts."""
