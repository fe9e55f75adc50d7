"""What others wrote, made fit for an error in one line."""

import json


def shown(text: str, n_characters: int = 40) -> str:
    """Return the beginning of `text` in quotes, with no line break that forges a line."""
    return json.dumps(text[:n_characters], ensure_ascii=False)
