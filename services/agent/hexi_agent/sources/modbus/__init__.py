"""Energy meters and rack PDUs by Modbus TCP, their registers told in a table."""
