"""Prewarm's scaler: history and forecast in, a replica target for KEDA out."""
