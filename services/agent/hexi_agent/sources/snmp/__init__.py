"""PDUs, UPSs and meters by SNMP v2c and v3, their objects told in a table."""
