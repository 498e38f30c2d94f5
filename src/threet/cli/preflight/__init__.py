"""`3t preflight`: checks config.yml and secrets.yml before anything starts, and hands each service its own part."""
