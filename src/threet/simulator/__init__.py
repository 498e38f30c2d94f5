"""A simulated exchange that speaks Hyperliquid's HTTP protocol, so that the real client trades against it."""
