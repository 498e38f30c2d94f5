"""`3t strategy`: for those who write one."""
