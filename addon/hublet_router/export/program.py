"""The table as data: what an interpreter on another engine decides by.

`readers`, `places` and `rules` are lists, and what refers to one of them gives its number. Patterns
are programs (`pattern.py`). The answers of refusals are there as well, so that they are the same.
"""

import re
from dataclasses import asdict, fields
from http import HTTPStatus
from typing import Any

from ..core.decision import Reason, refuse
from ..core.lookup import Rule
from ..core.problem import ANSWERS, PROXY_NAME, Problem, failure, problem
from ..core.readers import AccountReader, Reader
from ..core.table import Accounts, Table
from .pattern import pattern_program

FORMAT = 2
"""Raised with each change that an older interpreter would misread."""


def program(table: Table) -> dict[str, Any]:
    """Return what decides like the table, as JSON has it.

    Raise `TooLongError` for a pattern that would be too long.
    """
    accounts = table.accounts or Accounts((), (), {})
    rules = [*table.rules, *accounts.beside]
    used: list[Reader | AccountReader] = [
        *(it.reader for it in rules), *(it for it, _ in table.index.strays), *accounts.inside
    ]  # fmt: skip
    readers = list(dict.fromkeys(used))
    places = [*table.places]

    def rule_data(rule: Rule) -> dict[str, Any]:
        return {
            "name": rule.name,
            "places": [places.index(it) for it in rule.places],
            "reader": readers.index(rule.reader),
            "paths": rule.paths and pattern_program(rule.paths),
            "prefix": rule.prefix,
        }

    return {
        "format": FORMAT,
        "version": table.version,
        "domains": sorted(table.domains),
        "hublets": {
            name: {"upstream": str(upstream), "failure": _answer(failure(name, None))}
            for name, upstream in table.hublets.items()
        },
        "aliases": dict(table.aliases),
        "default": table.default,
        "policy": asdict(table.policy),
        "readers": [made_of(it) for it in readers],
        "places": [made_of(it) for it in places],
        "rules": [rule_data(it) for it in table.rules],
        "beside": [rule_data(it) for it in accounts.beside],
        "inside": [readers.index(it) for it in accounts.inside],
        "strays": [
            [readers.index(reader), table.rules.index(rule)] for reader, rule in table.index.strays
        ],
        "moved": {account: list(move) for account, move in accounts.moved.items()},
        "proxy": PROXY_NAME,
        "answers": _answers(table),
    }


def made_of(it: Any) -> dict[str, Any]:
    """Return a place or a reader as data: its kind, and each value that it is made with."""
    values = {field.name: getattr(it, field.name) for field in fields(it) if field.init}
    return {"kind": type(it).__name__.lower()} | {
        name: pattern_program(value) if isinstance(value, re.Pattern) else value
        for name, value in values.items()
    }


def _answers(table: Table) -> dict[str, Any]:
    """Return each answer by its reason, and the one to a body that cannot be read."""
    answers = {reason.value: problem(refuse(reason)) for reason in ANSWERS}
    of_body = [rule.name for rule in table.rules if any(it.in_body for it in rule.places)]
    if of_body:
        answers["unreadable-body"] = problem(refuse(Reason.UNREADABLE, of_body[0]), table)
        assert answers["unreadable-body"].status is HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    return {name: _answer(it) for name, it in answers.items()}


def _answer(it: Problem) -> dict[str, Any]:
    return {"status": it.status.value, "fields": it.fields, "body": it.body.decode()}
