"""Money as values: accounts, holds, bills and the rules that move it; nothing here waits."""
