"""hexi_local."""
