"""`3t status`: what the platform knows, what it wants, and why it does not do it. Reads only."""
