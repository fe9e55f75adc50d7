"""`prewarm backtest` and `prewarm forecast`: what a forecast would have been worth, and is now."""
