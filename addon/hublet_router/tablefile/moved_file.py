"""A CSV file of the accounts that have moved, as people and spreadsheets write it."""

import csv
import re
from collections.abc import Mapping, Sequence
from io import BytesIO, TextIOWrapper

from ..core.table import Move, account_id
from .errors import Faults

type Moved = dict[str, Move]
"""An account's id, in the one spelling of `account_id` -> where it lives now, and lived before."""

type _Wrong = tuple[int, list[str], bool]
"""A line's number, its cells, and whether it may be one of headings."""

_EMPTY = (
    "is empty; if no account has moved, write the headings account,from,to, or remove 'file' from"
    " 'accounts'"
)
_COLUMNS = "the columns are account,to or account,from,to"
_HEADS = {("hublet",), ("to",), ("from", "to"), ("from", "hublet")}
_HEAD_WORDS = {word for head in _HEADS for word in head}
_COMMA = re.compile(r'"(?:[^"]|"")*"|,')
_MAX_FAULTS = 20  # of a file; a wrong export has one in each line
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

_SIGNS = r'["%\u20ac$\xa3\xa5]'
_UNSEEN = "[\0-\x1f\x7f\xad\u200b-\u200f\u2060\ufeff]"  # copied with what is seen
_LOST = "its digits are lost; format the column as text, and export again"

# What spreadsheets make of a number -> what to do. `{}` is the number, as far as it can be read.
_CURES = {
    r"-?[0-9.,]+[eE][+-]?[0-9]+": _LOST,
    "#.*|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,4}[./][0-9]{1,2}[./][0-9]{2,4}": _LOST,  # error or date
    f".*{_UNSEEN}.*": "it holds a character that cannot be seen; remove it",
    r"""[='"+\u2018\u2019`-].*""": "a spreadsheet put a sign before it; write {}",
    rf"[0-9.,]+\s*{_SIGNS}+|{_SIGNS}\s*[0-9.,]+": "a spreadsheet put a sign to it; write {}",
    r"[0-9]{1,3}(?:[.,'\u2019\s_][0-9]{3})+": "write it without separators, as {}",
    r"[0-9]+[.,][0-9.,]*": "write it without a fraction",
    r".*\s.*": "remove the white space",
}
_ODD = re.compile("|".join(_CURES), re.DOTALL)


def read_moved(
    faults: Faults, path: str, text: bytes, moved: Moved, names: Mapping[str, str]
) -> None:
    """Add the lines `account,to` or `account,from,to` of a file to what has moved.

    `names` gives the Hublet for each name. Blank lines and a first line of headings are skipped.
    A file without any line is a fault: an export that failed would say that none has moved. The
    first faults of the file are reported. A million lines take about a second.
    """
    same: dict[tuple[str, ...], Move] = {}  # one value for all lines that say the same
    wrong: list[_Wrong] = []
    is_first = True
    rows = csv.reader(TextIOWrapper(BytesIO(text), "utf-8-sig", newline=""))
    try:
        text.decode()
        for row in rows:
            homes = tuple(row[1:])
            if move := same.get(homes) or _move(homes, names):
                same[homes] = move
                account = account_id(row[0].strip())
                is_plain = account and not _ODD.fullmatch(account)
                if is_plain and moved.setdefault(account, move) == move:
                    is_first = False
                    continue
            elif not any(map(str.strip, row)):
                continue
            if not (is_first and _plain(homes) in _HEADS):
                wrong.append((rows.line_num, row, is_first))
                if len(wrong) == _MAX_FAULTS or _separator(row):
                    break
            is_first = False
        if is_first and not wrong:
            faults.add((1, 1), _EMPTY, path)
    except UnicodeDecodeError as error:
        at = text.count(b"\n", 0, error.start) + 1, error.start - text.rfind(b"\n", 0, error.start)
        faults.add(at, "not UTF-8; save the file as CSV in UTF-8", path)
    except csv.Error as error:
        faults.add((rows.line_num, 1), f"not CSV: {error}; fix the line", path)
    if wrong:
        _report(faults, path, text, wrong, names)


def _report(
    faults: Faults, path: str, text: bytes, wrong: list[_Wrong], names: Mapping[str, str]
) -> None:
    lines = re.split("\r\n|\r|\n", text.decode("utf-8-sig", "replace"))
    for line, row, is_head in wrong:
        cell, sentence = _explain(row, names, is_head=is_head)
        faults.add((line, _column(lines[line - 1], cell)), sentence, path)


def _move(homes: Sequence[str], names: Mapping[str, str]) -> Move | None:
    """Return what the columns after the account say, None if that is no move."""
    known = [names.get(home.strip()) for home in homes]
    if len(known) not in {1, 2} or not all(known):
        return None
    return Move(known[-1] or "", known[0] if known[1:] else None)


def _explain(row: list[str], names: Mapping[str, str], *, is_head: bool) -> tuple[int, str]:
    """Return which cell of a row is wrong, and what it is and what to do."""
    if separator := _separator(row):
        return 0, f"the columns stand between {separator}; write commas between them"
    if is_head and {*_plain(row)} & _HEAD_WORDS:
        return 0, f"headings in another order; {_COLUMNS}, so put them in that order"
    *numbers, home = row
    if len(numbers) > 1 and home.strip() in names and all(map(str.isdecimal, numbers)):
        return 0, f"the account has separators; write it as {''.join(numbers)}"
    if len(row) not in {2, 3} or not row[0].strip():
        return 0, f"{_COLUMNS}; fix the line"
    for cell, home in enumerate(row[1:], 1):
        if home.strip() not in names:
            return cell, _unlisted(home.strip(), names)
    account = row[0].strip()
    twice = f"account {account} is there twice, with different Hublets; keep one"
    return 0, odd_account(account) or twice


def odd_account(account: str) -> str | None:
    """Return what is wrong with an account that no request can name, and what to do."""
    if not _ODD.fullmatch(account):
        return None
    cure = next(cure for it, cure in _CURES.items() if re.fullmatch(it, account, re.DOTALL))
    printed = re.sub(_UNSEEN, lambda found: ascii(found[0])[1:-1], account)
    number = "".join(filter(str.isalnum, account))
    return f"no request names an account '{printed}'; {cure.format(number)}"


def _unlisted(home: str, names: Mapping[str, str]) -> str:
    if not home:
        return "the Hublet is missing; fill it in, or remove the comma before it"
    near = next((name for name in names if name.lower() == home.lower()), None)
    fix = f"did you mean '{near}'?" if near else "add it or fix the name"
    return f"'{home}' is not listed in 'hublets'; {fix}"


def _separator(row: list[str]) -> str | None:
    """Return what stands between the columns in the place of commas, None if it is nothing."""
    return next((_SEPARATORS[it] for it in row[0] if it in _SEPARATORS and not row[1:]), None)


def _plain(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple([cell.strip().lower() for cell in cells])


def _column(line: str, cell: int) -> int:
    """Return the column, counted from 1, in which a cell of a line begins."""
    commas = [it.end() for it in _COMMA.finditer(line) if it[0] == ","]
    return [0, *commas, 0][cell] + 1
