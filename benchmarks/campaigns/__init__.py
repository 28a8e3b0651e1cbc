"""Campaigns: many cases, each in a child of one warm process."""
