"""The command `3t unlock`."""
