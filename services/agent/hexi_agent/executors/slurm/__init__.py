"""Runs work in a Slurm cluster with its command line tools."""
