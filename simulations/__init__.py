"""Offline runs: the demonstration, and later the simulator, on the scaler's own decision code."""
