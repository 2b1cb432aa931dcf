"""What hangs on choices and on what is not known."""
