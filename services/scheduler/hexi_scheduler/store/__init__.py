"""The api process's memory of the journals."""
