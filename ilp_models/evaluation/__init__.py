"""What acting on a forecast does: schemes of field trials, their power, and estimates of effects."""
