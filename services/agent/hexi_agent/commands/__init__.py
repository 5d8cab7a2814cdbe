"""What an operator types: `hexi-agent run | map | discover | check`, each loaded when asked for."""
