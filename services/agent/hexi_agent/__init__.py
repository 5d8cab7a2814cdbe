"""hexi_agent."""
