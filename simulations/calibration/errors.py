"""What stops a calibration, in words for the person who asked for it."""


class BadSweep(ValueError):  # noqa: N818 - named after what is wrong
    """A file, field or flag that can't be used; names it, its value and what is allowed."""
