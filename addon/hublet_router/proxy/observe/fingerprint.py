"""A short name for a credential that reveals nothing of it, and is the same throughout a run."""

import secrets
from hashlib import blake2b

_KEY = secrets.token_bytes(32)
"""Of this process: the fingerprints of two runs cannot be compared."""

_KEYED = blake2b(key=_KEY, digest_size=6)


def fingerprint(credential: str) -> str:
    """Return 12 hex digits that stand for a credential."""
    keyed = _KEYED.copy()
    keyed.update(credential.encode(errors="surrogatepass"))  # JSON can hold lone surrogates
    return keyed.hexdigest()
