"""Schema of the inventory, in order."""
