"""What can be measured of networks: accuracy, cost, beliefs, signals of a run, noise."""
