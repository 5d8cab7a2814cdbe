"""hexi_cli."""
