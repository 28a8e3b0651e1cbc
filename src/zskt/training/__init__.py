"""Running a method, training a classifier, and what a run leaves on disk."""
