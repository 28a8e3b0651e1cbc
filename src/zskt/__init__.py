"""zskt distils a trained image classifier into a smaller one without any data."""
