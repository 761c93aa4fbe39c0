"""A table made again from its program: what shows that the program holds all of it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from hublet_router.core.lookup import Rule
from hublet_router.core.places import Cookie, Form, Header, Host, Json, Path, Place, Query
from hublet_router.core.readers import Account, Base64, Jwt, Protobuf, Regex
from hublet_router.core.table import Accounts, Move, Policy, Table, Upstream

_NAMED: Mapping[str, type[Query | Cookie | Form]] = {"query": Query, "cookie": Cookie, "form": Form}


def rebuilt(program: Mapping[str, Any]) -> Table:
    """Return the table that a program was made of, but for its upstreams' names for TLS."""
    readers = [_reader(it) for it in program["readers"]]
    places = [_place(it) for it in program["places"]]

    def rules(name: str) -> tuple[Rule, ...]:
        return tuple(
            Rule(
                it["name"],
                tuple(places[at] for at in it["places"]),
                readers[it["reader"]],
                _pattern(it["paths"]),
                it["prefix"],
            )
            for it in program[name]
        )

    return Table(
        version=program["version"],
        domains=frozenset(program["domains"]),
        hublets={name: _upstream(it["upstream"]) for name, it in program["hublets"].items()},
        default=program["default"],
        policy=Policy(**program["policy"]),
        rules=rules("rules"),
        aliases=program["aliases"],
        accounts=Accounts(
            beside=rules("beside"),
            inside=tuple(readers[at] for at in program["inside"]),
            moved={name: Move(*move) for name, move in program["moved"].items()},
        ),
    )


def _upstream(url: str) -> Upstream:
    parts = urlsplit(url)
    assert parts.port
    return Upstream("http" if parts.scheme == "http" else "https", parts.hostname or "", parts.port)


def _pattern(data: Mapping[str, Any] | None) -> Any:
    return data and re.compile(data["source"], int(data["flags"]) & ~re.UNICODE)


def _place(data: Mapping[str, Any]) -> Place:
    match data["kind"]:
        case "header":
            return Header(data["name"], data["scheme"])
        case "path":
            return Path(_pattern(data["pattern"]), data["prefix"])
        case "host":
            return Host(_pattern(data["pattern"]))
        case "json":
            return Json(data["path"])
    return _NAMED[data["kind"]](data["name"])


def _reader(data: Mapping[str, Any]) -> Any:
    match data["kind"]:
        case "regex":
            return Regex(_pattern(data["pattern"]))
        case "base64":
            return Base64(_pattern(data["pattern"]), _pattern(data["of"]))
        case "protobuf":
            return Protobuf(data["field"], data["lenient"])
        case "account":
            return Account()
    return Jwt(data["claim"])
