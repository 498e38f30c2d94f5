"""`3t order`: what a person can say of one order."""
