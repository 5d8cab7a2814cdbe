"""hexi_settlement."""
