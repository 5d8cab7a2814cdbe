"""What the marketplace decides, without any I/O."""
