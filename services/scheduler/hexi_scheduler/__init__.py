"""hexi_scheduler."""
