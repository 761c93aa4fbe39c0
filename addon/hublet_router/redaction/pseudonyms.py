"""Pseudonyms: synthetic credentials in place of real ones, of which each reader reads the same.

A pseudonym is built, not searched for: each kind of reader has a way to write a credential anew
around what it names. The table's readers then read it once more. What they read differently gets
a few other drafts, and after that one that says nothing of the original at all.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from hashlib import shake_256

from ..core.findings import MAX_CREDENTIAL
from ..core.formats import LEN, VARINT, decode_base64, protobuf_fields, read_varint, write_varint
from ..core.readers import Base64, Jwt, Protobuf, Reader, Regex
from ..core.runs import MIN_RUN, runs_of
from ..core.table import Table, account_id
from .documents import as_number, rewritten
from .other_text import literals, other_text

MAX_UNLISTED = 5
"""Characters of a name that no Hublet of the table has: a longer one may be a piece of a secret."""

MAX_DRAFTS = 8
"""Drafts of each kind: a pattern such as `[1-5]` takes only some of the characters of a kind."""

type Sighting = tuple[Reader, str, list[str]]
"""A reader that knows a text, what it saw before the text, and the names that it read."""

_PLAIN_CLAIMS = {"alg", "typ"}
_RUN = re.compile(rf"([A-Za-z0-9._~-]{{{MIN_RUN},}})")


class Pseudonymizer:
    """Replaces secrets; with one key, the same by the same wherever it stands.

    Each letter becomes another letter and each digit another digit. What replaces a short secret
    can be that of another one, too. If it `decodes`, a credential that a text spells in some coding
    stands in it as it is afterwards.
    """

    def __init__(self, table: Table, key: bytes, *, decodes: bool = False) -> None:
        self._key = key
        self._decodes = decodes
        self._hublets = {*table.hublets, *table.aliases}
        rules = [rule for rule in table.rules if not rule.reads_hosts]
        self._readers = tuple(dict.fromkeys(rule.reader for rule in rules))
        self._naming = {it.field for it in self._readers if isinstance(it, Protobuf)}
        self._accounts = table.accounts.inside if table.accounts else ()
        self._moved = table.accounts.moved if table.accounts else {}
        self.secret = lru_cache(maxsize=1024)(self._secret)

    def account(self, text: str) -> str:
        """Return another account that has not moved; one that has is in the table, and stays."""
        plain = account_id(text)
        if plain in self._moved:
            return text
        drafts = (as_number(self.like(plain, salt)) for salt in range(256))
        alias = next((it for it in drafts if it not in self._moved), plain)
        return text[: len(text) - len(plain)] + alias

    def like(self, text: str, salt: int = 0) -> str:
        """Return other text of the same shape, in which nothing reads the same but Hublets."""
        raw = text.encode("utf-8", "surrogatepass")
        return other_text(text, self._stream(raw, salt, len(text)), self._hublets)

    def _stream(self, raw: bytes, salt: int, length: int) -> bytes:
        return shake_256(self._key + bytes([salt]) + raw).digest(length)

    def _secret(self, text: str, before: str = "") -> str:
        """Return what replaces a secret; a reader may also see what stands before it."""
        if account_id(text) in self._moved:
            return text
        if len(text) > MAX_CREDENTIAL:
            return self.like(text)
        return self._run_by_run(text) or self._drafted(text, before) or self.like(text)

    def _run_by_run(self, text: str) -> str | None:
        """Replace each run by itself if one is a stray credential, which stays one; else None."""
        parts = _RUN.split(text)
        is_mixed = len(parts) > 3 or parts[0] or parts[-1]
        if not (is_mixed and any(it.names(run) for run in parts[1::2] for it in self._readers)):
            return None
        return "".join(
            [self._secret(it) if at % 2 else self.like(it) for at, it in enumerate(parts)]
        )

    def _drafted(self, text: str, before: str) -> str | None:
        """Return a text that reads like this one, with other secrets; None if there is none."""
        seen, ids = self._read(text, before)
        is_unnamed = self._decodes and not any(names for _, _, names in seen)
        if is_unnamed and (strays := self._behind_codings(text)):
            return "".join([f",{self._secret(it)}" for it in strays])
        wanted = (
            [(reader, start, [*map(self._name, names)]) for reader, start, names in seen],
            [[*map(self.account, it)] for it in ids],
        )
        drafts = self._drafts(text, seen)
        return next((it for it in drafts if self._read(it, before) == wanted), None)

    def _behind_codings(self, text: str) -> list[str]:
        """Return a credential of each Hublet that a text names only once it is decoded."""
        found: dict[str, str] = {}
        for runs in runs_of(text):
            for reader in self._readers:
                for run, name in reader.sightings(runs.texts, runs.plains):
                    if name in self._hublets and run != text:
                        found.setdefault(name, run)
        return [*found.values()]

    def _read(self, text: str, before: str) -> tuple[list[Sighting], list[list[str]]]:
        """Return what each reader that knows a text reads in it, and the accounts in it."""
        seen: list[Sighting] = []
        for reader in self._readers:
            for start in dict.fromkeys((before, "")):
                names = [*reader.names(start + text)]
                if names or reader.recognises(start + text):
                    seen.append((reader, start, names))
        is_message = any(isinstance(reader, Protobuf) for reader, _, _ in seen)
        readers = [it for it in self._accounts if is_message or not isinstance(it, Protobuf)]
        return seen, [[*it.ids(text)] for it in readers]

    def _name(self, name: str) -> str:
        short = name in self._hublets or len(name) <= MAX_UNLISTED
        return name if short else self.like(name)

    def _drafts(self, text: str, seen: Sequence[Sighting]) -> Iterator[str]:
        """Yield what may replace a secret: of each reader that knows it, then of none."""
        if text.isascii() and text.isdecimal():
            yield self.account(text)
        for reader, start, _ in seen:
            for salt in range(MAX_DRAFTS):
                yield self._rebuilt(reader, start + text, salt)[len(start) :]
        for salt in range(MAX_DRAFTS):
            yield self.like(text, salt)

    def _rebuilt(self, reader: Reader, text: str, salt: int) -> str:
        match reader:
            case Regex(pattern):
                return self._with_accounts(self._around(pattern, text, salt, self._name), text)
            case Base64(pattern, of):

                def inside(part: str) -> str:
                    plain = decode_base64(part).decode("latin-1")
                    new = self._around(pattern, plain, salt, self._name)
                    return _encoded(new.encode("latin-1"), part)

                return self._around(of, text, salt, inside) if of else inside(text)
            case Protobuf():
                return self._message(text, salt)
            case Jwt():
                return self._jwt(text, salt)
        return self.like(text, salt)

    def _around(
        self, pattern: re.Pattern[str], text: str, salt: int, group: Callable[[str], str]
    ) -> str:
        """Replace all around the group of a pattern, but for what the pattern itself spells out."""
        other = self.like(text, salt)
        found = pattern.search(text)
        assert found, "it was recognised"
        for literal in literals(pattern).finditer(text, *found.span()):
            start, end = literal.span()
            other = other[:start] + literal[0] + other[end:]
        start, end = found.span(1)
        return other[:start] + group(text[start:end]) + other[end:]

    def _with_accounts(self, new: str, text: str) -> str:
        """Replace what patterns read as accounts in a text, where its like now stands."""
        for it in self._accounts:
            if isinstance(it, Regex) and (found := it.pattern.search(text)) and found[1]:
                start, end = found.span(1)
                new = new[:start] + self.account(found[1]) + new[end:]
        return new

    def _message(self, text: str, salt: int) -> str:
        """Replace each field of a protobuf message, but for the Hublet; its numbers stay."""
        old = decode_base64(text)
        accounts = {it.field for it in self._accounts if isinstance(it, Protobuf)}
        noise = iter(self._stream(old, salt, len(old)))
        new = bytearray()
        for number, kind, value in protobuf_fields(old):
            new += write_varint(number << 3 | kind)
            other = bytes([next(noise) for _ in value])
            if kind == LEN:
                if number in self._naming:
                    other = self._named(value)
                new += write_varint(len(other))
            elif number in accounts:
                is_varint = kind == VARINT
                id_ = read_varint(value, 0)[0] if is_varint else int.from_bytes(value, "little")
                alias = int(self.account(str(id_)))
                other = write_varint(alias)
                if not is_varint:
                    other = (alias % (1 << 8 * len(value))).to_bytes(len(value), "little")
            elif kind == VARINT:
                other = bytes([byte | 0x80 for byte in other[:-1]] + [other[-1] & 0x3F | 1])
            new += other
        return _encoded(bytes(new), text)

    def _named(self, value: bytes) -> bytes:
        try:
            return self._name(value.decode()).encode()
        except UnicodeDecodeError:
            return b"\xff" * len(value)  # no name, as before

    def _jwt(self, text: str, salt: int) -> str:
        """Replace each value of a JSON Web Token but its algorithm and type, and its signature."""
        head, payload, signature = text.split(".")
        names = {name for reader in self._readers for name in reader.names(text)}
        accounts = {id_ for it in self._accounts if isinstance(it, Jwt) for id_ in it.ids(text)}

        def value(path: tuple[str, ...], plain: str) -> str:
            if path[-1] in _PLAIN_CLAIMS and len(plain) <= 8:
                return plain
            if plain in accounts:
                return self.account(plain)
            return self._name(plain) if plain in names else self.like(plain, salt)

        try:
            parts = [
                _encoded(rewritten(decode_base64(part).decode(), value).encode(), "")
                for part in (head, payload)
            ]
        except ValueError:
            return "eyJ" + self.like(text[3:], salt)
        return ".".join([*parts, self.like(signature, salt)])


def _encoded(data: bytes, like: str) -> str:
    """Return base64 in the alphabet and with the padding of another text."""
    text = b64encode(data).decode()
    if not ("+" in like or "/" in like):
        text = text.replace("+", "-").replace("/", "_")
    return text.rstrip("=") + like[len(like.rstrip("=")) :]
