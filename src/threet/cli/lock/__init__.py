"""The command `3t lock`."""
