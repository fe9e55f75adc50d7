"""One stream of random numbers for each concern, keyed by its name.

Changing how often one concern draws leaves all others as they were, so that two runs of one seed
differ in nothing but what was changed between them (common random numbers).
"""

from hashlib import blake2b

import numpy as np

_WORD_BYTES = 4
_N_WORDS = 4


def stream(seed: int, concern: str) -> np.random.Generator:
    """Return the generator of `concern` under `seed`; equal arguments give equal numbers.

    Raises ValueError for a negative seed.
    """
    if seed < 0:
        raise ValueError(f"seed must be a whole number >= 0, got {seed!r}")
    digest = blake2b(concern.encode(), digest_size=_N_WORDS * _WORD_BYTES).digest()
    words = (
        int.from_bytes(digest[begin : begin + _WORD_BYTES], "little")
        for begin in range(0, len(digest), _WORD_BYTES)
    )
    return np.random.default_rng(np.random.SeedSequence(entropy=seed, spawn_key=tuple(words)))
