"""hexi_kit."""
