"""Students out: files to deploy, each run and held beside the student before it is kept."""
