"""The process: its backend, devices, team and signals, and the files it holds."""
