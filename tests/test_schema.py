"""The JSON schema of the table and its loader, held together: neither knows a key alone.

What the loader knows is read from its own sentences, so nothing here has to be kept in step.
"""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import hublet_router.tablefile
from hublet_router.tablefile import TableError, loads

ROOT = Path(__file__).parents[1]
PACKAGE = Path(hublet_router.tablefile.__path__[0])
SCHEMA: dict[str, Any] = json.loads((PACKAGE / "hublets.schema.json").read_text("utf-8"))
README = (ROOT / "README.md").read_text("utf-8")
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
# A table with every key that there is.
FULL: dict[str, Any] = {
    "domains": ["api.test", "*.api.test"],
    "hublets": {
        "na1": {"upstream": "https://na1.test"},
        "eu1": {"upstream": "http://[::1]:8443", "sni": "client"},
    },
    "default": "na1",
    "policy": {
        "legacy": "default",
        "anonymous": "refuse",
        "unknown": "refuse",
        "conflict": "first",
        "foreign": "pass",
    },
    "credentials": [
        {
            "name": "a",
            "in": {"header": "authorization", "scheme": "bearer"},
            "hublet": {"base64": "^(a)", "of": "^b(.*)"},
        },
        {"name": "b", "in": {"query": ["k", "l"]}, "hublet": {"regex": "^(a)"}},
        {"name": "c", "in": {"cookie": "k"}, "hublet": {"protobuf": 9}},
        {"name": "d", "paths": "^/", "in": {"form": "k"}, "hublet": {"protobuf": "9"}},
        {"name": "e", "paths": "^/", "in": {"json": "k.l"}, "hublet": {"jwt": "region"}},
        {"name": "f", "in": {"path": "^/(a)"}, "hublet": {"jwt": "https://a.test/b"}},
    ],
    "accounts": {
        "ids": [{"query": "id"}, {"path": "^/id/([0-9]+)"}, {"protobuf": 3}],
        "moved": {"7": "eu1"},
    },
    "misdirected": {"status": 488, "header": "x-correct", "json": "correct"},
    "examples": [
        {
            "request": {
                "url": "https://api.test/?id=7",
                "method": "PUT",
                "headers": {"x": "y", "z": ["a", "b"]},
                "body": "x",
            },
            "hublet": "eu1",
        },
        {"request": {"url": "HTTP://a.api.test"}, "refused": "anonymous"},
    ],
}

type At = tuple[str | int, ...]
# Each mapping with fixed keys: where FULL has one, and the name of its schema.
MAPPINGS: dict[At, str] = {
    (): "",
    ("hublets", "eu1"): "hublet",
    ("policy",): "policy",
    ("credentials", 0): "rule",
    ("credentials", 0, "in"): "place",
    ("credentials", 0, "hublet"): "reader",
    ("accounts",): "accounts",
    ("accounts", "ids", 0): "id",
    ("misdirected",): "misdirected",
    ("examples", 0): "example",
    ("examples", 0, "request"): "request",
}


def schema_of(name: str) -> dict[str, Any]:
    return SCHEMA["definitions"][name] if name else SCHEMA


def changed(at: At, value: object) -> Any:
    """Return FULL with another value there."""
    if not at:
        return value
    table = copy.deepcopy(FULL)
    parent: Any = table
    for key in at[:-1]:
        parent = parent[key]
    parent[at[-1]] = value
    return table


def told(table: object) -> str:
    """Return what the loader says of a table; nothing when it takes it."""
    try:
        loads(json.dumps(table).encode())
    except TableError as error:
        return str(error)
    return ""


def places(value: object, at: At = ()) -> Iterator[At]:
    """Yield the place of each value, however deep."""
    yield at
    listed = dict(enumerate(value)) if isinstance(value, list) else {}
    for key, child in (value if isinstance(value, dict) else listed).items():
        yield from places(child, (*at, key))


@pytest.mark.parametrize(("at", "name"), MAPPINGS.items(), ids=[*MAPPINGS.values()])
def test_the_loader_and_the_schema_know_the_same_keys(at: At, name: str) -> None:
    sentences = told(changed(at, {"zzz": 1}))
    (known,) = re.findall("unknown key 'zzz' in .*; known are (.*)", sentences)
    schema = schema_of(name)

    assert set(known.split(", ")) == set(schema["properties"])
    assert schema["additionalProperties"] is False
    required = re.findall(r"has no '(\w+)'; add it", sentences)
    assert required == schema.get("required", [])


def test_no_mapping_is_forgotten() -> None:
    asked = sum(file.read_text("utf-8").count("faults.mapping(") for file in PACKAGE.glob("*.py"))

    assert len(MAPPINGS) == asked
    with_keys = {name for name, it in SCHEMA["definitions"].items() if "properties" in it}
    assert {*MAPPINGS.values()} == {"", *with_keys}


@pytest.mark.parametrize("at", [("credentials", 0, "in"), ("credentials", 0, "hublet")], ids=str)
def test_exactly_one_of(at: At) -> None:
    (kinds,) = re.findall("must hold exactly one of (.*)", told(changed(at, {})))

    assert [{"required": [kind]} for kind in kinds.split(", ")] == schema_of(MAPPINGS[at])["oneOf"]


CHOICES = [
    *((("policy", key), "policy") for key in FULL["policy"]),
    (("examples", 1, "refused"), "example"),
]


@pytest.mark.parametrize(("at", "name"), CHOICES, ids=[str(at[-1]) for at, _ in CHOICES])
def test_the_loader_and_the_schema_know_the_same_words(at: At, name: str) -> None:
    (words,) = re.findall("is 'zzz'; write (.*)", told(changed(at, "zzz")))
    schema = schema_of(name)["properties"][at[-1]]

    assert words.split(" or ") == schema["enum"]
    if "default" in schema:  # what the loader takes where nothing is said
        quiet = loads(json.dumps({**FULL, "policy": {}, "examples": FULL["examples"][:1]}).encode())
        assert getattr(quiet.policy, str(at[-1])) == schema["default"]


TABLES = {
    file.name: file.read_text("utf-8")
    for file in (ROOT / "hublets.yaml", *(ROOT / "tests" / "tables").glob("*.yaml"))
} | {"README.md": "".join(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)),
     "every key": json.dumps(FULL)}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_the_loader_takes_is_right_to_the_schema(name: str) -> None:
    loads(TABLES[name].encode())

    VALIDATOR.validate(json.loads(json.dumps(yaml.safe_load(TABLES[name]))))


def test_a_bad_table_is_wrong_to_the_schema_too() -> None:
    bad = ROOT / "tests" / "bad.yaml"
    found = {error.json_path for error in VALIDATOR.iter_errors(yaml.safe_load(bad.read_text()))}

    assert found == {"$.hublets.eu1.upstream", "$.credentials[0]"}


EVERYWHERE = [*places(FULL)]


@pytest.mark.parametrize("value", [None, True, -1, "", [], [[]], {"": 1}], ids=json.dumps)
def test_what_can_stand_nowhere_is_refused_by_both(value: object) -> None:
    taken = [at for at in EVERYWHERE if not told(changed(at, value))]
    valid = [at for at in EVERYWHERE if VALIDATOR.is_valid(changed(at, value))]

    assert (taken, valid) == ([], [])


def test_what_the_loader_takes_without_a_key_the_schema_takes_too() -> None:
    for at in EVERYWHERE[1:]:
        table = changed(at, None)
        parent = table
        for key in at[:-1]:
            parent = parent[key]
        del parent[at[-1]]
        assert VALIDATOR.is_valid(table) or told(table), at


def test_the_shipped_table_names_the_schema_for_editors() -> None:
    first, _, _ = TABLES["hublets.yaml"].partition("\n")
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", first)

    assert (ROOT / named).samefile(PACKAGE / "hublets.schema.json")


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
