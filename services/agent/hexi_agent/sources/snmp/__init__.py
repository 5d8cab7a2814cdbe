"""PDUs, UPSs and meters by SNMP v2c and v3, their objects told in a table.

By pysnmp: BSD, released this year by a firm that keeps it; puresnmp (MIT) rests since 2024.
"""
