"""The loop that keeps the board up to date: rounds of ticks, and the models behind them."""

from scaler.controller.controller import Controller

__all__ = ["Controller"]
