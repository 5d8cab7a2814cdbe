"""hexi_marketplace."""
