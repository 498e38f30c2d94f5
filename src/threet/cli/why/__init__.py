"""`3t why`: an order or a symbol's last decision in plain words, from the record."""
