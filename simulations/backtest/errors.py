"""What stops a backtest, in words for the person who asked for it."""


class BadInput(ValueError):  # noqa: N818 - named after what is wrong
    """An input or flag that can't be used; names it, its value, what is allowed, the next step."""
