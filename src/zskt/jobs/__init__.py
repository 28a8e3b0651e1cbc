"""What a command does, as a Python function: the one layer that everybody above shares.

A job's signature and docstring are also its command: names, defaults and help stand here once.
So a job's file imports nothing heavy until the job runs.
"""
