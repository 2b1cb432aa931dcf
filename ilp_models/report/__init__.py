"""Maps, curves and the one self-contained page that a reader of forecasts is handed."""
