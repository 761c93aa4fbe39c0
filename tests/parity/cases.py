"""Random tables, and requests that are aimed at their rules and then damaged."""

import base64
import json
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

from hublet_router.core.judge import decide
from hublet_router.core.request import MAX_BODY, Request
from hublet_router.core.table import Table
from hublet_router.export.program import program
from hublet_router.tablefile import TableError, loads

from .kit import Case
from .texts import HUBLETS, character, credential, damaged, document

HOSTS = (
    "api.a.example", "x.b.example", "eu1.b.example", "API.A.example:8443", "api.a.example.",
    "[::1]:80",
)  # fmt: skip
FOREIGN = (
    "", "*.b.example", "é.b.example", f"{'a' * 64}.b.example", f"{'a' * 63}.b.example",
    "c.example", "a.x.b.example", "b.example", "@api.a.example", ".b.example", "api.a.example:x",
)  # fmt: skip
SCHEMES = (
    *["{} {}"] * 6, "{}  {}", "{}\t{} ", "{}:{}", "{}{}", '{} "{}"', "{} a={}", "{}, {}", " {} {}",
)  # fmt: skip
COOKIES = ("{}={}", "a=b; {}={}", '{}="{}";c=d', "{} = {}", "A; {}={}; {}")
OTHER_TYPES = (
    "text/plain", "Application/JSON; charset=UTF-8", "a/b+json", "application/json;charset=utf-16",
    "application/x-www-form-urlencoded ; charset = utf8", "text/json, a/b", "",
)  # fmt: skip
NAMES = ("key", "token", "refresh_token", "x-Key", "code", "a.b")
READERS = {
    "pat": {"regex": "^pat-([a-z]{2}[0-9]{1,3})-"},
    "key": {"regex": "^([a-z]{2}[0-9]{1,3})-"},
    "short": {"regex": "^([^-:]+)[-:]"},
    "any": {"regex": "(?i)(?:^|_)(eu1|na[0-9])(?![a-z])"},
    "protobuf": {"protobuf": 9},
    "protobuf-2": {"protobuf": 2},
    "jwt": {"jwt": "region"},
    "jwt-deep": {"jwt": "customer.region"},
    "base64": {"base64": "^[rs]k_([a-z]{2}[0-9]{1,3})_[^:]*:"},
    "base64-of": {
        "of": "^(?:x-)?([0-9A-Za-z_+/=-]{8,300})$",
        "base64": r"(?s)^.{0,9}?k_([a-z0-9]+).*:\Z",
    },
}
PATHS = {
    "^/oauth/": "/oauth/v1/token",
    "^/oauth/(v1|v3|[0-9]{4}-[0-9]{2})/token(/|$)": "/oauth/2026-03/token",
    "/refresh$": "/k/refresh",
    r"^/(?:x|kſ)/\w+(?:\.json)?\Z": "/x/wort",
}
IDS: tuple[dict[str, Any], ...] = (
    {"query": "key"},
    {"query": "portalId"},
    {"header": "x-account"},
    {"cookie": "key"},
    {"path": "^/submit/([0-9]+)/"},
    {"form": "account", "paths": "^/oauth/"},
    {"json": "a.b", "paths": "/refresh$"},
    {"protobuf": 3},
    {"protobuf": 1},
    {"jwt": "sub"},
    {"regex": "-([0-9]{4})[0-9]*$"},
)
ACCOUNTS = (
    "0", "+62515", "62515", "0062515", "5", "12345", "abc", "18446744073709551616",
    "\uff16\u0662\u09eb15", "\U0001d7e8",
)  # fmt: skip
MOVES = ("eu1", "ap1", {"from": "na1", "to": "eu1"}, {"from": "eu1", "to": "na1"})


class Aim(NamedTuple):
    """A rule as a request is aimed at it."""

    kind: str
    place: dict[str, Any]
    path: str


class Scene(NamedTuple):
    """A table with what requests are aimed at."""

    table: Table
    aims: list[Aim]


def scene(random: Random) -> Scene:
    """Return a random table that the loader takes."""
    while True:
        document, aims = _document(random)
        try:
            return Scene(loads(json.dumps(document).encode()), aims)
        except TableError:
            continue  # a rule twice, or a pair that belongs to nothing


def _document(random: Random) -> tuple[dict[str, Any], list[Aim]]:
    words = {
        "legacy": "default refuse",
        "anonymous": "default refuse",
        "unknown": "refuse default",
        "conflict": "refuse first",
        "unreadable": "refuse ignore",
        "stray": "refuse ignore",
        "foreign": "refuse pass",
    }
    policy = {
        key: random.choice(both.split()) for key, both in words.items() if random.random() < 0.4
    }
    aims: list[Aim] = []
    rules = []
    for number in range(random.randint(1, 6)):
        place, kind = _place(random), random.choice([*READERS])
        rule: dict[str, Any] = {"name": f"rule-{number}", "in": place, "hublet": READERS[kind]}
        path = "/crm/v3"
        if "form" in place or "json" in place or random.random() < 0.3:
            rule["paths"], path = random.choice([*PATHS.items()])
        rules.append(rule)
        aims.append(Aim(kind.partition("-")[0], place, path))
    document: dict[str, Any] = {
        "domains": ["api.a.example", "*.b.example", "[::1]"][: random.randint(2, 3)],
        "hublets": {
            name: {"upstream": f"https://10.0.0.{at}", "aliases": [f"a{at}0", f"{name}x"]}
            for at, name in enumerate(HUBLETS[:3], 1)
        },
        "default": "na1",
        "policy": policy,
        "credentials": rules,
    }
    if random.random() < 0.5:
        ids = random.sample(IDS, 3)
        aims += [
            Aim("account", it, "/crm") for it in ids if not it.keys() & {"protobuf", "jwt", "regex"}
        ]
        moved = {name: random.choice(MOVES) for name in random.sample(ACCOUNTS, 3)}
        document["accounts"] = {"ids": ids, "moved": moved}
    return document, aims


def _place(random: Random) -> dict[str, Any]:
    name = random.choice(NAMES)
    return random.choice(
        (
            {"header": "authorization", "scheme": random.choice(("bearer", "basic"))},
            {"header": ["x-key", "cookie", "x-token"][random.randrange(3)]},
            {"query": [name, "hapikey"]},
            {"cookie": name},
            {"form": [name, "code2"]},
            {"json": random.choice((name, "a.b.c"))},
            {"host": r"^(?:api|x|([a-z]+[0-9]))\\."},
            {"path": random.choice(("^/oauth/v1/tokens/([^/]+)", "/k/([^/]*)$", "(?i)^/S/(.+)"))},
        )
    )


class Draft:
    """A request that is being put together."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.path = "/crm/v3/objects"
        self.query: list[str] = []
        self.fields: list[tuple[str, str]] = []
        self.body = ""

    def put(self, aim: Aim, text: str) -> None:
        """Put a credential where a rule looks, or nearly there."""
        random = self.random
        coded = quote(text, safe="") if random.random() < 0.5 else text
        match aim.place:
            case {"header": name, "scheme": scheme}:
                form = random.choice(SCHEMES)
                if scheme == "basic" and random.random() < 0.3:
                    coded = base64.b64encode(f"{text}:".encode("latin-1", "replace")).decode()
                    text = random.choice(("", '"', " ", ".", "=")).join(coded)
                word = random.choice((scheme, scheme.upper(), scheme.title()))
                self.fields.append((name, form.format(word, text)))
            case {"header": name}:
                self.fields.append((name, text))
            case {"cookie": name}:
                form = random.choice(COOKIES)
                self.fields.append(("cookie", form.format(self.spelt(name), text, "e=f")))
            case {"query": names}:
                self.query.append(f"{self.spelt(self.one(names))}={coded}")
            case {"form": names}:
                pair = f"{self.spelt(self.one(names))}={coded}"
                self.body += f"{random.choice('&&&;')}{pair}" if self.body else pair
            case {"json": name}:
                self.body = document(random, name, text)
            case {"path": pattern}:
                before = {"^/o": "/oauth/v1/tokens/", "/k/": "/k/", "(?i": "/s/"}.get(
                    pattern[:3], "/submit/"
                )
                self.path = before + coded + ("/x" if before == "/submit/" else "")
        if "path" not in aim.place and aim.path != "/crm" and random.random() < 0.95:
            self.path = aim.path

    def one(self, names: str | list[str]) -> str:
        return names if isinstance(names, str) else self.random.choice(names)

    def spelt(self, name: str) -> str:
        """Return a name as some servers take it for the same, mostly as it is."""
        if self.random.random() < 0.7:
            return name
        return self.random.choice(
            (
                name.upper(), name.replace("_", "-"), f"{name}[]", f"%{ord(name[0]):x}{name[1:]}",
                f" {name}",
            )
        )  # fmt: skip

    def request(self) -> Request:
        random = self.random
        target = self.path + ("?" + "&".join(self.query) if self.query else "")
        if self.body and random.random() < 0.8:
            is_form = not self.body.startswith(("{", "["))
            media_type = "application/x-www-form-urlencoded" if is_form else "application/json"
            if random.random() < 0.15:
                media_type = random.choice(OTHER_TYPES)
            self.fields.append(("content-type", media_type))
        if random.random() < 0.05:
            name = random.choice(("content-encoding", "transfer-encoding"))
            coding = random.choice(("gzip", "identity", "chunked", "gzip, chunked", ""))
            self.fields.append((name, coding))
        hosts = [random.choice(HOSTS[:3]) if random.random() < 0.8 else random.choice(HOSTS)]
        if random.random() < 0.05:
            known, foreign = random.choice(HOSTS), random.choice(FOREIGN)
            hosts = random.choice(([], [foreign], [*hosts, known], [*hosts, foreign]))
        if random.random() < 0.3:
            where = random.randrange(3)
            if where == 0:
                target = damaged(random, target)
            elif where == 1 and self.fields:
                at = random.randrange(len(self.fields))
                name, value = self.fields[at]
                self.fields[at] = name, damaged(random, value)
            else:
                self.body = damaged(random, self.body)
        body: bytes | None = self.body.encode("latin-1", "replace")
        if random.random() < 0.01 or len(body or b"") > MAX_BODY:
            body = None
        random.shuffle(self.fields)
        return Request("POST", tuple(hosts), target, tuple(self.fields), body)


def request(random: Random, it: Scene) -> Request:
    """Return a request that is aimed at a table."""
    draft = Draft(random)
    for _ in range(random.choice((0, 1, 1, 1, 1, 2, 2, 3))):
        aim = random.choice(it.aims)
        hublet = random.choice(HUBLETS[:3]) if random.random() < 0.75 else random.choice(HUBLETS)
        is_account = aim.kind == "account"
        draft.put(
            aim, random.choice(ACCOUNTS) if is_account else credential(random, aim.kind, hublet)
        )
    if random.random() < 0.3:  # one where no rule looks
        text = credential(random, random.choice(it.aims).kind, random.choice(HUBLETS[:3]))
        if random.random() < 0.3:
            text = damaged(random, text) + character(random)
        draft.put(Aim("", _place(random), "/crm"), text)
    return draft.request()


def decided(table: Table, request: Request) -> Case:
    """Return the case of a request."""
    body = None if request.body is None else request.body.decode("latin-1")
    operand = {
        "hosts": request.hosts, "target": request.target, "headers": request.headers, "body": body,
    }  # fmt: skip
    return Case("decide", operand, [*decide(table, request).as_json().values()])


def decisions(seed: int, tables: int, each: int) -> Iterator[Case]:
    """Yield cases of random tables, each with its requests."""
    random = Random(seed)
    for _ in range(tables):
        it = scene(random)
        yield Case("program", program(it.table))
        for _ in range(each):
            yield decided(it.table, request(random, it))
