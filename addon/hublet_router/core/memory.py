"""What was read before: texts are known by a keyed hash, and none of them is kept."""

import os
from collections.abc import Iterable

from .runs import MIN_RUN

MAX_REMEMBERED = 16 * 1024
"""Texts that a memory holds; one more, and it forgets them all."""

_HASHES_ARE_KNOWN = os.environ.get("PYTHONHASHSEED", "random") != "random"


class Memory[T](dict[int, T]):
    """What texts hold, each by its hash; one too many, and all go.

    Each process hashes with a key of its own. If the environment sets it (`PYTHONHASHSEED`), anyone
    could find two texts with one hash: then nothing is remembered.
    """

    def __setitem__(self, key: int, held: T) -> None:
        """Remember what a text holds."""
        if len(self) >= MAX_REMEMBERED:
            self.clear()
        if not _HASHES_ARE_KNOWN:
            super().__setitem__(key, held)


class Clean:
    """The texts that name no Hublet but one: they need not be read again."""

    def __init__(self) -> None:
        self._known: Memory[None] = Memory()

    def without(self, pairs: Iterable[tuple[str, str]], hublet: str) -> list[str]:
        """Return the texts of which that is not known, and that are long enough for a run."""
        own, known, shortest = hash((hublet,)), self._known, MIN_RUN
        texts = []
        for name, value in pairs:  # each written out: this takes half the time
            if len(value) >= shortest and hash(value) ^ own not in known:
                texts.append(value)
            if len(name) >= shortest and hash(name) ^ own not in known:
                texts.append(name)
        return texts

    def add(self, texts: Iterable[str], hublet: str) -> None:
        """Remember texts that name no Hublet but that one."""
        own = hash((hublet,))
        for text in texts:
            self._known[hash(text) ^ own] = None
