"""hexi_security_monitor."""
