"""Runs work in a Kubernetes cluster as Jobs."""
