"""`3t demo`: one supervisor that runs the whole platform on one machine, as child processes, against the simulated exchange."""
