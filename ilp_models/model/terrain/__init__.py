"""Risk terrain: relative risks of what stands around a place."""
