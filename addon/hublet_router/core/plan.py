"""The rules of a table, and the plan that they make once: which look where for a path."""

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from secrets import token_hex

from .places import Path, Place
from .readers import Protobuf, Reader, Regex

MAX_REMEMBERED = 1024
"""Credentials that a look remembers; one more, and it forgets them all."""

MAX_NAMES = 64
"""Characters of what a remembered credential names: no stranger chooses how much is kept."""

MAX_PLANS = 64
"""Sets of rules that a plan remembers, since a path may choose among many."""

_SALT = token_hex(16)


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential: where it stands, on which paths, and how it names its Hublet.

    A path that `paths` matches begins with `prefix`. `at` is the line and column of the rule.
    """

    name: str
    places: tuple[Place, ...]
    reader: Reader
    paths: re.Pattern[str] | None = None
    prefix: str = field(default="", compare=False, repr=False)
    at: tuple[int, int] = field(default=(1, 1), compare=False, repr=False)

    def applies_to(self, path: str) -> bool:
        """Tell whether the rule looks at requests for that path."""
        return self.paths is None or self.paths.search(path) is not None


type Found = tuple[Rule, tuple[str, ...], tuple[str, ...]]
"""The rule that read a credential, the names that it found, and the accounts."""


class Look:
    """The rules that read one place, and what they made of the last credentials there.

    Of a credential two keyed hashes of 64 bits are kept, and only where reading it takes longer.
    """

    def __init__(self, place: Place, rules: Sequence[Rule], accounts: Sequence[Protobuf]) -> None:
        self.place = place
        self.rules = tuple(rules)
        self.in_body = place.in_body
        self.values = place.values
        self._accounts = accounts
        first = rules[0].reader
        self._fast = first.pattern.search if isinstance(first, Regex) else None
        self._memory: dict[object, Found] | None = None if self._fast and len(rules) == 1 else {}

    def read(self, credential: str) -> Found:
        """Read a credential: of the rules, the first that finds a name decides for it."""
        if self._fast and (match := self._fast(credential)) and (name := match[1]):
            return self.rules[0], (name,), ()
        if self._memory is None:
            return self.rules[0], (), ()
        key = hash(credential), hash(_SALT + credential)
        found = self._memory.get(key)
        if found is None:
            found = self._read(credential)
            if sum(map(len, found[1] + found[2])) <= MAX_NAMES:
                if len(self._memory) >= MAX_REMEMBERED:
                    self._memory.clear()
                self._memory[key] = found
        return found

    def _read(self, credential: str) -> Found:
        for rule in self.rules:
            if names := rule.reader.names(credential):
                break
        else:
            of_its_kind = (rule for rule in self.rules if rule.reader.recognises(credential))
            rule, names = next(of_its_kind, self.rules[0]), ()
        # a credential of another kind would hold an account by accident
        fields = self._accounts if isinstance(rule.reader, Protobuf) else ()
        return rule, names, tuple(name for field in fields for name in field.ids(credential))


class Plan:
    """Where to look in a request; most paths need few looks, and no pattern is tried on them."""

    def __init__(self, rules: Sequence[Rule], accounts: Sequence[Protobuf] = ()) -> None:
        self._accounts = accounts
        self._by_place: dict[Place, list[Rule]] = {}
        for rule in rules:
            for place in rule.places:
                self._by_place.setdefault(place, []).append(rule)
        self.places = tuple(self._by_place)
        self._limited = [rule for rule in rules if rule.paths]
        prefixes = {rule.prefix for rule in self._limited}
        prefixes |= {place.prefix for place in self._by_place if isinstance(place, Path)}
        self._prefixes = tuple(prefixes)
        everywhere = self._without({rule.name for rule in self._limited})
        self._everywhere = tuple(look for look in everywhere if not isinstance(look.place, Path))
        self._by_rules: dict[frozenset[str], tuple[Look, ...]] = {}

    def looks(self, path: str) -> tuple[Look, ...]:
        """Return where to look in a request for that path, in the order of the table."""
        if not path.startswith(self._prefixes):
            return self._everywhere
        absent = frozenset(rule.name for rule in self._limited if not rule.applies_to(path))
        if absent not in self._by_rules:
            if len(self._by_rules) >= MAX_PLANS:
                self._by_rules.clear()
            self._by_rules[absent] = self._without(absent)
        return self._by_rules[absent]

    def _without(self, absent: Container[str]) -> tuple[Look, ...]:
        looks = []
        for place, all_rules in self._by_place.items():
            if rules := [rule for rule in all_rules if rule.name not in absent]:
                looks.append(Look(place, rules, self._accounts))
        return tuple(looks)
