"""The ways in: typed commands and Python calls."""
