"""`prewarm tune`: the cheapest setting that keeps a limit, found by screening and halving."""
