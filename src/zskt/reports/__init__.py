"""What people read of a run: the card and the pictures."""
