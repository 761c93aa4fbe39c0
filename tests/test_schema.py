"""The JSON schema of the table, which editors and the loader read."""

import copy
import json
import re
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hublet_router.core.table import Policy
from hublet_router.tablefile.errors import Faults
from hublet_router.tablefile.structure import SCHEMA, read
from shipped_table import ROOT, TABLES

VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
SHIPPED = json.loads(json.dumps(yaml.safe_load(TABLES[0].read_text("utf-8"))))
SHIPPED["credentials"] = SHIPPED["credentials"][2:6]
SHIPPED["examples"] = SHIPPED["examples"][-2:]
REMOVED = object()
VALUES: list[Any] = [
    None,
    True,
    -1,
    488,
    "",
    "a b",
    "refuse",
    "https://a.test",
    [],
    ["a"],
    [[]],
    {},
    {"": 1},
]


def test_it_is_a_schema_of_draft_07() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.name)
def test_it_takes_each_table_of_the_project(file: Path) -> None:
    VALIDATOR.validate(json.loads(json.dumps(yaml.safe_load(file.read_text("utf-8")))))


def test_the_shipped_table_names_it_for_editors() -> None:
    (named,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)\n", TABLES[0].read_text())

    assert json.loads((ROOT / named).read_text("utf-8")) == SCHEMA


def test_its_defaults_are_those_of_the_policy() -> None:
    words = SCHEMA["definitions"]["policy"]["properties"]

    assert Policy() == Policy(**{key: word["default"] for key, word in words.items()})


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value below this one."""
    keys = range(len(value)) if isinstance(value, list) else value
    for key in keys if isinstance(value, list | dict) else ():
        yield (*at, key)
        yield from places(value[key], (*at, key))


@given(at=st.sampled_from([*places(SHIPPED)]), value=st.sampled_from([*VALUES, REMOVED]))
def test_the_loader_and_jsonschema_agree_on_structure(at: tuple[Any, ...], value: Any) -> None:
    table = copy.deepcopy(SHIPPED)
    parent = reduce(getitem, at[:-1], table)
    if value is REMOVED:
        del parent[at[-1]]
    else:
        parent[at[-1]] = value
    faults = Faults()
    read(faults, json.dumps(table).encode())

    assert (not faults.found) == VALIDATOR.is_valid(table)
