"""Starts one Providence manager: python 3T-PROVIDENCE-v2.py [--config PATH] [--secrets PATH] [--shard K/N]. See docs/providence.md."""

from threet_providence.main import run

if __name__ == "__main__":
    run()
