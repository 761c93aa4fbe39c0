"""A short name for a credential that reveals nothing of it."""

import secrets
from hashlib import blake2b
from pathlib import Path
from shlex import quote

MIN_KEY = 16
"""Bytes of a key file; what is shorter could be tried out."""


class KeyFileError(ValueError):
    """A key file that is none; the message is a sentence."""


class Fingerprints:
    """Names credentials under a key: one of this process, unless `use` names a file."""

    def __init__(self) -> None:
        self.use(None)

    def use(self, key: Path | None) -> None:
        """Take the key of a file, or a new one; raise KeyFileError, and keep the old."""
        try:
            secret = secrets.token_bytes(32) if key is None else key.read_bytes().strip()
        except OSError as error:
            raise KeyFileError(f"{key} cannot be read: {error.strerror}; {_fix(key)}") from error
        if len(secret) < MIN_KEY:
            raise KeyFileError(
                f"{key} holds {len(secret)} bytes, too few for a key of fingerprints; {_fix(key)}"
            )
        self._keyed = blake2b(key=blake2b(secret).digest(), digest_size=6)

    def __call__(self, credential: str) -> str:
        """Return 12 hex digits that stand for a credential."""
        keyed = self._keyed.copy()
        keyed.update(credential.encode(errors="surrogatepass"))  # JSON can hold lone surrogates
        return keyed.hexdigest()


def _fix(key: Path | None) -> str:
    return f"write one with: openssl rand -hex 32 > {quote(str(key))}"


fingerprint = Fingerprints()
"""What the log and the pins of this process use."""
