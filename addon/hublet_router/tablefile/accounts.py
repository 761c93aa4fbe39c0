"""The accounts of a table: where a request names one, and which have moved."""

import csv
import re
from collections.abc import Container
from io import BytesIO, TextIOWrapper

from ..core.places import Place, Query
from ..core.readers import Protobuf
from ..core.table import Accounts, Move, account_id
from .errors import Fault, Faults, TableError
from .rules import parse_path
from .structure import Section

# What spreadsheets make of a number: a sign, a fraction, an exponent, a quote or `=` before it,
# separators of thousands, other digits, white space.
_ODD = re.compile(
    r"\+.*|[0-9]+[.,][0-9,.]*(?:[eE][+-]?[0-9]+)?|['=].*|(?![0-9]+$)\d+|.*\s.*", re.DOTALL
)
_HEADS = {("hublet",), ("to",), ("from", "to")}  # of a first line
_MAX_FAULTS = 20  # of a file; a wrong export has one in each line
_UNLISTED = "'{}' is not listed in 'hublets'; add it or fix the name"

type Moved = dict[str, Move]
"""An account's id, in the one spelling of `account_id` -> where it lives now, and lived before."""


def parse_accounts(
    faults: Faults, section: Section | None, hublets: Container[str]
) -> Accounts | None:
    """Return what the table itself says about accounts; `read_moved` reads the file."""
    if section is None:
        return None
    places: list[Place] = []
    fields: list[Protobuf] = []
    for item in section.get("ids") or ():
        if query := item.get("query"):
            places.append(Query(query.value))
        elif field := item.get("protobuf"):
            fields.append(Protobuf(int(field.value)))
        elif path := parse_path(faults, item.get("path")):
            places.append(path)
    file = section.get("file")
    return Accounts(
        places=tuple(places),
        fields=tuple(fields),
        moved=_moved(faults, section.section("moved"), hublets),
        file=file.value if file else None,
    )


def _moved(faults: Faults, section: Section, hublets: Container[str]) -> Moved:
    moved: Moved = {}
    for account, entry in section.items():
        if isinstance(entry, Section):
            now, before = entry.get("to"), entry.get("from")
        else:
            now, before = (entry[0] if entry else None), None
        for name in filter(None, (now, before)):
            if name.value not in hublets:
                faults.add(name.at, _UNLISTED.format(name.value))
        if account_id(account) in moved:
            faults.add(section.key_at[account], f"account {account} is there twice; keep one")
        moved[account_id(account)] = Move(now.value if now else "", before and before.value)
    return moved


def read_moved(name: str, text: bytes, accounts: Accounts, hublets: Container[str]) -> Moved:
    """Return what moved, with the lines `account,to` or `account,from,to` of a CSV file.

    Raise TableError with its first faults. A million lines take about a second.
    """
    moved = dict(accounts.moved)
    same: dict[tuple[str, ...], Move] = {}  # one value for all lines that say the same
    faults: list[Fault] = []
    rows = csv.reader(TextIOWrapper(BytesIO(text), "utf-8-sig", newline=""))
    try:
        text.decode()
        for row in rows:
            names = tuple(row[1:])
            if names in same or _is_move(names, hublets):
                move = same.setdefault(names, Move(names[-1], names[0] if names[1:] else None))
                account = account_id(row[0].strip())
                is_plain = account and not _ODD.fullmatch(account)
                if is_plain and moved.setdefault(account, move) == move:
                    continue
            elif not row or (rows.line_num == 1 and names in _HEADS):
                continue
            faults.append(Fault(rows.line_num, 1, _wrong(row, hublets), name))
            if len(faults) == _MAX_FAULTS:
                break
    except UnicodeDecodeError as error:
        line, before = text.count(b"\n", 0, error.start) + 1, text.rfind(b"\n", 0, error.start)
        sentence = "not UTF-8; save the file as UTF-8 text"
        faults.append(Fault(line, error.start - before, sentence, name))
    except csv.Error as error:
        faults.append(Fault(rows.line_num, 1, f"not CSV: {error}; fix the line", name))
    if faults:
        raise TableError(name, faults)
    return moved


def _is_move(names: tuple[str, ...], hublets: Container[str]) -> bool:
    return len(names) in {1, 2} and all(name in hublets for name in names)


def _wrong(row: list[str], hublets: Container[str]) -> str:
    if len(row) not in {2, 3} or not row[0]:
        return "not account,to or account,from,to; fix the line"
    for name in row[1:]:
        if name not in hublets:
            return _UNLISTED.format(name)
    if _ODD.fullmatch(row[0].strip()):
        return f"no request names an account '{row[0]}'; write the plain number or id"
    return f"account {row[0]} is there twice, with different Hublets; keep one"
