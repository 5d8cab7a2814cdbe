"""What Prometheus and its kin push."""
