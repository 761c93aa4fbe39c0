"""The files of a table: its own, and those that it names, such as accounts and certificates."""

import hashlib
import re
import ssl
from pathlib import Path

from .errors import Faults
from .structure import Text

_CERTIFICATE = re.compile(
    "-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----", re.ASCII
)
_FIX = "write the certificate of the CA into it, in PEM, or remove 'ca'"


class SourceFiles:
    """Reads the files that a table names, which are looked for beside it, and keeps account.

    `named` has their paths, in the order of the table.
    """

    def __init__(self, table: str, text: bytes) -> None:
        self._folder = Path(table).parent
        self._text = text
        self._digests: dict[str, bytes] = {}

    @property
    def named(self) -> tuple[str, ...]:
        """The paths of the files that were read."""
        return tuple(self._digests)

    @property
    def version(self) -> str:
        """The version of a table of these files."""
        text = self._text + b"".join(self._digests.values())
        return hashlib.sha256(text).hexdigest()[:12]

    def path(self, name: Text) -> str:
        """Return the path of a file that the table names."""
        return str(self._folder / name.value)

    def read(self, faults: Faults, name: Text, fix: str) -> bytes | None:
        """Return what a file holds, None if it cannot be read; `fix` says what to do then."""
        path = self.path(name)
        try:
            content = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            sentence = getattr(error, "strerror", None) or str(error)
            faults.add((1, 1), f"cannot be read: {sentence}; {fix}", path)
            return None
        self._digests[path] = hashlib.sha256(content).digest()
        return content

    def certificates(self, faults: Faults, name: Text) -> str | None:
        """Return the certificates of a PEM file and nothing else that it holds, such as a key."""
        content = self.read(faults, name, _FIX)
        if content is None:
            return None
        certificates = "\n".join(_CERTIFICATE.findall(content.decode("latin-1")))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
        except (ssl.SSLError, ValueError):
            faults.add((1, 1), f"holds no certificate that can be read; {_FIX}", self.path(name))
            return None
        return certificates
