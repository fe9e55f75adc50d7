"""`prewarm simulate` and what it shares with `prewarm tune`: a workload, a setup, and trials."""
