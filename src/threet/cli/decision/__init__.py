"""`3t decision`: the record of what was decided, and the proof that it follows from what was read."""
