"""hexi_demo."""
