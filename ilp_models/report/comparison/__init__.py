"""The comparison page: leaderboard, paired tests, calibration, and a LaTeX table for papers."""
