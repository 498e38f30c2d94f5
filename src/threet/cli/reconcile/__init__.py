"""`3t reconcile`: what a cycle would do."""
