"""How good a student is, told without data: what can be measured of it."""
