"""Pictures, each drawn from results and nothing else."""
