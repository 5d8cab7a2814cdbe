"""Small clusters to test executors against."""
