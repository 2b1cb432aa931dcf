"""What a comparison looks at beyond the scores, and the page of it."""
