"""The accounts of a table: where a request names one, and which have moved."""

import csv
import re
from collections.abc import Container
from io import BytesIO, TextIOWrapper

import yaml

from ..core.places import Place, Query
from ..core.readers import Protobuf
from ..core.table import Accounts, account_id
from .errors import Fault, TableError
from .nodes import Faults
from .rules import parse_field, parse_path

_KINDS = ("query", "path", "protobuf")
_ODD = re.compile(r"\+.*|[0-9]+\.[0-9]*|(?![0-9]+$)\d+|.*\s.*", re.DOTALL)  # mostly a spreadsheet's
_MAX_FAULTS = 20  # of a file; whoever exported it wrong did so in each line
_UNLISTED = "'{}' is not listed in 'hublets'; add it or mend the name"

type Moved = dict[str, str]
"""An account's id, in the one spelling of `account_id` -> the name of its Hublet."""


def parse_accounts(
    faults: Faults, node: yaml.Node | None, hublets: Container[str]
) -> Accounts | None:
    """Return what the table says of accounts itself; what stands in a file is not read here."""
    if node is None:
        return None
    keys = faults.mapping(node, "'accounts'", required=("ids",), optional=("moved", "file"))
    if "moved" not in keys and "file" not in keys:
        faults.tell(node, "'accounts' has neither 'moved' nor 'file'; name accounts that moved")
    places: list[Place] = []
    fields: list[Protobuf] = []
    for item in faults.items(keys.get("ids"), "'ids'"):
        id_keys = faults.mapping(item, "an item of 'ids'", optional=_KINDS)
        if len(id_keys) != 1:
            faults.tell(item, f"an item of 'ids' must hold exactly one of {', '.join(_KINDS)}")
            continue
        ((kind, value),) = id_keys.items()
        if kind == "protobuf":
            fields += filter(None, [parse_field(faults, value)])
        elif kind == "path":
            places += filter(None, [parse_path(faults, value)])
        elif name := faults.text(value, "'query'"):
            places.append(Query(name))
    return Accounts(
        places=tuple(places),
        fields=tuple(fields),
        moved=_moved(faults, keys.get("moved"), hublets),
        file=faults.text(keys.get("file"), "'file' of 'accounts'"),
    )


def _moved(faults: Faults, node: yaml.Node | None, hublets: Container[str]) -> Moved:
    """Read `account: Hublet`; an account is mostly a number, which no other key of a table is."""
    moved: Moved = {}
    if node is not None and not isinstance(node, yaml.MappingNode):
        faults.tell(node, "'moved' must be a mapping of accounts to Hublets")
        return moved
    for key, value in node.value if node else ():
        is_number = isinstance(key, yaml.ScalarNode) and key.value.isdecimal()
        account = key.value if is_number else faults.text(key, "an account of 'moved'")
        if account is None:
            continue
        hublet = faults.text(value, f"the Hublet of account {account}")
        if hublet and hublet not in hublets:
            faults.tell(value, _UNLISTED.format(hublet))
        if account_id(account) in moved:
            faults.tell(key, f"account {account} is there twice; keep one")
        moved[account_id(account)] = hublet or ""
    return moved


def read_moved(name: str, text: bytes, accounts: Accounts, hublets: Container[str]) -> Moved:
    """Return what moved, with the lines `account,hublet` of a CSV file.

    Raise TableError with its first faults. A million lines take about a second.
    """
    moved = dict(accounts.moved)
    same: dict[str, str] = {}  # one text for each Hublet, not one for each line
    faults: list[Fault] = []
    rows = csv.reader(TextIOWrapper(BytesIO(text), "utf-8-sig", newline=""))
    try:
        text.decode()
        for row in rows:
            if len(row) == 2 and row[1] in hublets:
                account, hublet = account_id(row[0].strip()), same.setdefault(row[1], row[1])
                is_plain = account and not _ODD.fullmatch(account)
                if is_plain and moved.setdefault(account, hublet) == hublet:
                    continue
            elif not row or (rows.line_num == 1 and row[1:] == ["hublet"]):
                continue
            faults.append(Fault(rows.line_num, 1, _wrong(row, hublets), name))
            if len(faults) == _MAX_FAULTS:
                break
    except UnicodeDecodeError as error:
        line, before = text.count(b"\n", 0, error.start) + 1, text.rfind(b"\n", 0, error.start)
        mend = "not UTF-8; save the file as UTF-8 text"
        faults.append(Fault(line, error.start - before, mend, name))
    except csv.Error as error:
        faults.append(Fault(rows.line_num, 1, f"not CSV: {error}; mend the line", name))
    if faults:
        raise TableError(name, faults)
    return moved


def _wrong(row: list[str], hublets: Container[str]) -> str:
    if len(row) != 2 or not row[0]:
        return "not account,hublet; mend the line"
    if row[1] not in hublets:
        return _UNLISTED.format(row[1])
    if _ODD.fullmatch(row[0].strip()):
        return f"no request names an account '{row[0]}'; write the plain number or id"
    return f"account {row[0]} is there twice, with different Hublets; keep one"
