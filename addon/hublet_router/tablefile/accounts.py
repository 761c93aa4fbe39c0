"""The accounts of a table: where a request names one, and which have moved."""

from collections.abc import Mapping

from ..core.lookup import Rule
from ..core.readers import Account, AccountReader, Jwt, Protobuf, Regex
from ..core.table import Accounts, Move, account_id
from .errors import Faults
from .moved_file import Moved, odd_account, read_moved
from .rules import parse_reader, parse_rule
from .source_files import SourceFiles
from .structure import Section

_NO_FILE = "write lines of account,hublet into it, or remove 'file' from 'accounts'"
_READERS = {"protobuf", "jwt", "regex"}


def parse_accounts(
    faults: Faults, section: Section | None, names: Mapping[str, str], files: SourceFiles
) -> Accounts | None:
    """Return what the table says about accounts; `names` gives the Hublet for each name."""
    if section is None:
        return None
    beside: list[Rule] = []
    inside: list[AccountReader] = []
    for item in section.get("ids") or ():
        if not item.keys() & _READERS:
            rule = parse_rule(faults, "accounts", item, item, Account())
            beside += [rule] if rule else []
            continue
        reader = parse_reader(faults, item)
        inside += [reader] if isinstance(reader, Protobuf | Jwt | Regex) else []
        if "paths" in item:
            faults.add(item.key_at["paths"], "'paths' limits where an account stands; remove it")
    moved = _moved(faults, section.section("moved"), names)
    if file := section.get("file"):
        rows = files.read(faults, file, _NO_FILE)
        if rows is not None:
            read_moved(faults, files.path(file), rows, moved, names)
    return Accounts(tuple(beside), tuple(inside), moved)


def _moved(faults: Faults, section: Section, names: Mapping[str, str]) -> Moved:
    moved: Moved = {}
    for account, entry in section.items():
        if isinstance(entry, Section):
            now, before = entry.get("to"), entry.get("from")
        else:
            now, before = (entry[0] if entry else None), None
        for name in filter(None, (now, before)):
            if name.value not in names:
                faults.add(
                    name.at, f"'{name.value}' is not listed in 'hublets'; add it or fix the name"
                )
        if account_id(account) in moved:
            faults.add(section.key_at[account], f"account {account} is there twice; keep one")
        if odd := odd_account(account):
            faults.add(section.key_at[account], odd)
        home = names.get(now.value, "") if now else ""
        moved[account_id(account)] = Move(home, before and names.get(before.value))
    return moved
