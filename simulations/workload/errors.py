"""What stops a workload from being read, in words for the person who gave it."""


class BadWorkload(ValueError):  # noqa: N818 - named after what is wrong
    """A file or setting that makes no workload; names it, its value and what is allowed."""
