"""hexi_contracts."""
