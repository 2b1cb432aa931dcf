"""The page of a comparison: leaderboard, figures, tables for a paper."""
