"""Which versions of vLLM the plugin knows."""

from serving.loader.errors import LoadError

# From the first to before the last. What the plugin calls is the same in both (0.32 is tested).
SUPPORTED = ((0, 32), (0, 34))


def require_supported(version: str) -> None:
    """Raise LoadError unless `version` is one whose loaders work as this plugin expects."""
    first, after = (".".join(map(str, bound)) for bound in SUPPORTED)
    if not SUPPORTED[0] <= _pair(version) < SUPPORTED[1]:
        raise LoadError(
            f"prewarm_stream works with vLLM from {first} to before {after}, this is {version}. "
            "Next step: install one of those, or use --load-format auto"
        )


def _pair(version: str) -> tuple[int, int]:
    numbers = version.split("+", maxsplit=1)[0].split(".")
    try:
        return int(numbers[0]), int(numbers[1])
    except (ValueError, IndexError):
        return (0, 0)
