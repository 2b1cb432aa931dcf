"""Crime type schemes that several publishers share, and the tables that map their labels to them."""
