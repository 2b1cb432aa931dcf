"""What acting on a forecast does: trial designs, their power, and estimates of effects."""
