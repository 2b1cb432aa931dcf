"""What records become when patrols follow them."""
