"""Runs on disk: everything that knows a file name of a run folder."""
