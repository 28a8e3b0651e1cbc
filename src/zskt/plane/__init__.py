"""The paper's two-dimensional experiment, whole: small enough to see every point of the game."""
