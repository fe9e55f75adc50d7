"""What a cluster model can't be made of, in words for the person who gave it."""


class BadPlant(ValueError):  # noqa: N818 - named after what is wrong
    """A setting that makes no cluster; names it, its value and what is allowed."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(f"{name}: {value!r} is not allowed; allowed is {allowed}")
