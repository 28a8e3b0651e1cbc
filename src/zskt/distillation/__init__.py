"""Driving a method: session, loop, budget, averaging, stopping."""
