"""What several tasks do on their way: open a study, replay, forecast, judge, publish."""
