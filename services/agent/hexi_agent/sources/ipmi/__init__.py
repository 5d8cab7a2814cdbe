"""Sensors of baseboard controllers by IPMI, through ipmitool."""
