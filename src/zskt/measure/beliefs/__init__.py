"""Belief match near decision boundaries: the transition curves of the paper, section 4.4."""
