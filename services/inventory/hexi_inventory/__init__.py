"""hexi_inventory."""
