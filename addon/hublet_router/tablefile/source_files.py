"""The files of a table: its own, and those that it names, such as accounts and certificates."""

import hashlib
from pathlib import Path

from .errors import Faults
from .structure import Text


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
