"""The process: its backend, devices, signals and streams, the team it trains in, and the files it holds."""
