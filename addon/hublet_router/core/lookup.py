"""The rules of a table, indexed: which places to look at for a path, and how to read them."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .memory import Clean, Memory
from .paths import NORMAL
from .places import Cookie, Header, Host, Path, Place
from .readers import Account, AccountReader, Protobuf, Reader, Regex
from .request import Request

MAX_NAMES = 64
"""Characters of what a remembered credential names, so that no stranger can fill the memory."""

MAX_INDEXED = 64
"""Sets of rules that an index remembers, since a path may choose among many."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of credential: where it stands, on which paths, and how it names its Hublet.

    A path that `paths` matches begins with `prefix`, in lower case. `at` is the line and column of
    the rule.
    """

    name: str
    places: tuple[Place, ...]
    reader: Reader
    paths: re.Pattern[str] | None = None
    prefix: str = field(default="", compare=False, repr=False)
    at: tuple[int, int] = field(default=(1, 1), compare=False, repr=False)

    @property
    def reads_hosts(self) -> bool:
        """Whether it reads only hosts, which are nothing to look for elsewhere."""
        return all(isinstance(place, Host) for place in self.places)

    def applies_to(self, paths: Iterable[str]) -> bool:
        """Return whether the rule looks at requests for a path that can be read in these ways."""
        return self.paths is None or any(map(self.paths.search, paths))


type Reading = tuple[Rule, tuple[str, ...], tuple[str, ...]]
"""The rule that read a credential, the names that it found, and the accounts."""


class Lookup:
    """One place, with the rules that read it.

    `aliases` gives the Hublet for each other name. `accounts` read the credentials for accounts.
    `is_beside` says that an account stands there, and no credential.

    Results of slow readers are cached by a keyed hash, never by the credential. A single regex is
    not cached: matching it is faster.
    """

    def __init__(
        self,
        place: Place,
        rules: Sequence[Rule],
        accounts: Sequence[AccountReader] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.place = place
        self.rules = tuple(rules)
        self.in_body = place.in_body
        self.in_head = isinstance(place, Header | Cookie)
        self.values = place.values
        self._accounts = accounts
        self._aliases = aliases or {}
        first = rules[0].reader
        self.is_beside = isinstance(first, Account)
        is_slow = any(_reads(it, first) for it in accounts)
        self._search = first.pattern.search if isinstance(first, Regex) and not is_slow else None
        self._memory: Memory[Reading] | None = None if self._search and not rules[1:] else Memory()

    def read(self, credential: str) -> Reading:
        """Read a credential: the first rule that finds a name in it counts."""
        if self._search and (match := self._search(credential)) and (name := match[1]):
            return self.rules[0], (self._aliases.get(name, name),), ()
        if self._memory is None:
            return self.rules[0], (), ()
        key = hash(credential)
        reading = self._memory.get(key)
        if reading is None:
            reading = self._read(credential)
            if sum(map(len, reading[1] + reading[2])) <= MAX_NAMES:
                self._memory[key] = reading
        return reading

    def _read(self, credential: str) -> Reading:
        for rule in self.rules:
            if names := rule.reader.names(credential):
                break
        else:
            of_its_kind = (rule for rule in self.rules if rule.reader.recognises(credential))
            rule, names = next(of_its_kind, self.rules[0]), ()
        accounts = (it.ids(credential) for it in self._accounts if _reads(it, rule.reader))
        hublets = tuple([self._aliases.get(name, name) for name in names])
        return rule, hublets, tuple([one for ids in accounts for one in ids])


class Head(NamedTuple):
    """What is known of the fields of a head, which most clients send with each request.

    They hold no control character, and no run in them names a Hublet but those in `clean`.
    `lookups` are the usual ones without those that find nothing in these fields.
    """

    lookups: tuple[Lookup, ...]
    clean: frozenset[str]


class RuleIndex:
    """Finds the lookups for a path; most paths need few, and no pattern is tried on them."""

    def __init__(
        self,
        rules: Sequence[Rule],
        beside: Sequence[Rule] = (),
        accounts: Sequence[AccountReader] = (),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        """`beside` are the rules for accounts, `accounts` what reads one in a credential."""
        self._accounts = [*accounts, Account()]
        self._aliases = aliases
        self._by_place: dict[tuple[Place, bool], list[int]] = {}
        self._rules = (*rules, *beside)
        for at, rule in enumerate(self._rules):
            for place in rule.places:
                self._by_place.setdefault((place, at < len(rules)), []).append(at)
        self.places = tuple(dict.fromkeys(place for place, _ in self._by_place))
        self.strays = tuple(
            {
                _lenient(rule.reader): rule for rule in reversed(rules) if not rule.reads_hosts
            }.items()
        )
        self.clean = Clean()
        self._limited = [(at, rule) for at, rule in enumerate(self._rules) if rule.paths]
        prefixes = {rule.prefix for _, rule in self._limited}
        prefixes |= {place.prefix for place in self.places if isinstance(place, Path)}
        self._prefixes = tuple(prefixes)
        unusual = "|".join(map(re.escape, self._prefixes)) if self._prefixes else "(?!)"
        self._is_usual = re.compile(rf"(?!(?i:{unusual})){NORMAL}(?:\?|\Z)").match
        self._unlimited = frozenset(at for at, rule in enumerate(self._rules) if not rule.paths)
        unlimited = self._lookups(self._unlimited)
        self._usual = tuple(it for it in unlimited if not isinstance(it.place, Path))
        self._heads: Memory[Head] = Memory()
        self._by_rules: dict[frozenset[int], tuple[Lookup, ...]] = {}

    def head_of(self, request: Request) -> Head | None:
        """Return what is known of the fields of a request."""
        return self._heads.get(hash(request.headers))

    def remember_head(self, request: Request, hublet: str) -> None:
        """Remember the fields of a request, all of which name no Hublet but that one."""
        if not request.has_control_characters:
            known = self.head_of(request)
            lookups = tuple(it for it in self._usual if not it.in_head or it.values(request) != [])
            clean = frozenset({hublet, *(known.clean if known else ())})
            self._heads[hash(request.headers)] = Head(lookups, clean)

    def lookups_in(self, request: Request) -> tuple[Lookup, ...]:
        """Return where to look in a request, in the order of the table."""
        if not self._is_usual(request.target):
            return self.lookups_for(request.paths)
        head = self.head_of(request)
        return head.lookups if head else self._usual

    def lookups_for(self, paths: tuple[str, ...]) -> tuple[Lookup, ...]:
        """Return where to look in a request for that path, in the order of the table.

        `paths` are the ways in which it can be read: a rule that applies to one of them applies.
        """
        for path in paths:
            if path.lower().startswith(self._prefixes) or not path.isascii():
                break  # what is no ASCII may match a letter: `ſ` is an `s`
        else:
            return self._usual
        applying = frozenset(at for at, rule in self._limited if rule.applies_to(paths))
        if applying not in self._by_rules:
            if len(self._by_rules) >= MAX_INDEXED:
                self._by_rules.clear()
            self._by_rules[applying] = self._lookups(self._unlimited | applying)
        return self._by_rules[applying]

    def _lookups(self, applying: Container[int]) -> tuple[Lookup, ...]:
        lookups = []
        for (place, _), all_rules in self._by_place.items():
            if rules := [self._rules[at] for at in all_rules if at in applying]:
                lookups.append(Lookup(place, rules, self._accounts, self._aliases))
        return tuple(lookups)


def _reads(account: AccountReader, reader: Reader) -> bool:
    """Return whether an account can be read in what a reader reads.

    Text of another kind would hold an account by accident; a pattern says itself what it is for.
    """
    is_pattern = isinstance(account, Regex) and not isinstance(reader, Account)
    return is_pattern or isinstance(account, type(reader))


def _lenient(reader: Reader) -> Reader:
    """Return a reader for text that no rule looks at: nothing says of what kind that is."""
    return replace(reader, lenient=True) if isinstance(reader, Protobuf) else reader
