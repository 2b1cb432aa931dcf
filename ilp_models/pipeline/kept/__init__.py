"""What earlier runs left, read and verified before anything is done with it."""
