"""An observer node: reads one account from the exchange by its own code, signs what it saw and serves it over HTTP.

A second opinion that shares the first one's reader is none: nothing here comes from the adapters.
"""
