"""Files of moved accounts: what is taken, and the fault and cure of what is not."""

import pytest

from cases import cases
from hublet_router.core.table import Move
from hublet_router.tablefile.errors import Faults, TableError
from hublet_router.tablefile.moved_file import Moved, read_moved

NAMES = {"na1": "na1", "eu1": "eu1", "europe": "eu1"}


def read(rows: bytes) -> Moved:
    faults, moved = Faults(), {"1": Move("eu1")}
    read_moved(faults, "moved.csv", rows, moved, NAMES)
    if faults.found:
        raise TableError("t.yaml", faults.found)
    return moved


@cases(
    ("rows", "moved"),
    {
        "headings alone": ("account,from,to\n", {}),
        "a line": ("2,na1\n", {"2": "na1"}),
        "no newline at the end": ("2,na1", {"2": "na1"}),
        "CRLF, an empty line": ("2,na1\r\n\r\n3,eu1\r\n", {"2": "na1", "3": "eu1"}),
        "a head": ("account,hublet\n2,na1\n", {"2": "na1"}),
        "a head of Excel": ("\nPortal ID, TO \n2,na1\n", {"2": "na1"}),
        "blank rows": ("2,na1\n,\n , \n3,eu1\n", {"2": "na1", "3": "eu1"}),
        "blanks around a Hublet": ("2, na1 \n", {"2": "na1"}),
        "an alias": ("2,europe,na1\n", {"2": Move("na1", "eu1")}),
        "a byte order mark": ("\ufeff2,na1\n", {"2": "na1"}),
        "a mark and a head": ("\ufeffid,hublet\n2,na1\n", {"2": "na1"}),
        "quotes": ('"2","na1"\n', {"2": "na1"}),
        "white space": (" 2,na1\n\t03 ,eu1\n", {"2": "na1", "3": "eu1"}),
        "twice the same": ("002,na1\n2,na1\n", {"2": "na1"}),
        "a plus": ("+2,na1\n2,na1\n", {"2": "na1"}),
        "full-width digits": ("\uff15\uff18,na1\n58,na1\n", {"58": "na1"}),
        "the same as in the table": ("1,eu1\n", {}),
        "no number": ("acmé,na1\n", {"acmé": "na1"}),
        "from and to": ("2,na1,eu1\n", {"2": Move("eu1", "na1")}),
        "their head": ("account,from,to\n2,eu1,na1\n", {"2": Move("na1", "eu1")}),
    },
)
def test_a_file_of_accounts(rows: str, moved: dict[str, str | Move]) -> None:
    moves = {account: Move(it) if isinstance(it, str) else it for account, it in moved.items()}
    assert read(rows.encode()) == {"1": Move("eu1"), **moves}


def test_a_hublet_is_kept_once() -> None:
    moved = read(b"2,na1\n3,na1\n")

    assert moved["2"] is moved["3"]


COLUMNS = "the columns are account,to or account,from,to"
EMPTY = (
    "is empty; if no account has moved, write the headings account,from,to, or remove 'file' from"
    " 'accounts'"
)
NO_ROW = f"{COLUMNS}; fix the line"
HEADS = f"headings in another order; {COLUMNS}, so put them in that order"
LOST = "its digits are lost; format the column as text, and export again"
SIGN = "a spreadsheet put a sign before it; write 5865761"
MONEY = "a spreadsheet put a sign to it; write 5865761"
SEPARATORS = "write it without separators, as 5865761"


def unlisted(name: str, fix: str = "add it or fix the name") -> str:
    return f"'{name}' is not listed in 'hublets'; {fix}"


def odd(account: str, cure: str) -> str:
    return f"no request names an account '{account}'; {cure}"


def between(separator: str) -> str:
    return f"the columns stand between {separator}; write commas between them"


@cases(
    ("cell", "sentence"),
    {
        "an exponent": ("5.86577E+06", odd("5.86577E+06", LOST)),
        "a German exponent": ("5,86577e6", odd("5,86577e6", LOST)),
        "a formula": ('="5865761"', odd('="5865761"', SIGN)),
        "a quote of a spreadsheet": ("'5865761", odd("'5865761", SIGN)),
        "a typographic quote": ("\u20185865761", odd("\u20185865761", SIGN)),
        "a plus and thousands": ("+5,865,761", odd("+5,865,761", SIGN)),
        "thousands": ("5,865,761", odd("5,865,761", SEPARATORS)),
        "German thousands": ("5.865.761", odd("5.865.761", SEPARATORS)),
        "Swiss thousands": ("5'865'761", odd("5'865'761", SEPARATORS)),
        "blanks": ("5\u202f865\xa0761", odd("5\u202f865\xa0761", SEPARATORS)),
        "a fraction": ("5865761.0", odd("5865761.0", "write it without a fraction")),
        "a minus": ("-5865761", odd("-5865761", SIGN)),
        "an amount of money": ("\u20ac 5865761", odd("\u20ac 5865761", MONEY)),
        "a percentage": ("5865761%", odd("5865761%", MONEY)),
        "a date": ("2024-01-05", odd("2024-01-05", LOST)),
        "a German date": ("5.1.2024", odd("5.1.2024", LOST)),
        "a column that is too narrow": ("#####", odd("#####", LOST)),
        "a control character": (
            "58\x0057",
            odd("58\\x0057", "it holds a character that cannot be seen; remove it"),
        ),
        "a blank without width": (
            "\u200b5865761",
            odd("\\u200b5865761", "it holds a character that cannot be seen; remove it"),
        ),
        "a programmer's thousands": ("5_865_761", odd("5_865_761", SEPARATORS)),
        "white space": ("acme corp", odd("acme corp", "remove the white space")),
    },
)
def test_what_a_spreadsheet_makes_of_a_number(cell: str, sentence: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    with pytest.raises(TableError) as caught:
        read(f"account,to\r\n2,na1\r\n{quoted},na1\r\n".encode())

    assert caught.value.messages == [f"moved.csv:3:1: {sentence}"]


@cases(
    ("rows", "sentences"),
    {
        "empty": ("", [f"1:1: {EMPTY}"]),
        "blanks": ("\ufeff\r\n,\r\n", [f"1:1: {EMPTY}"]),
        "one column": ("2\n", [f"1:1: {NO_ROW}"]),
        "semicolons": ("2;na1\n3;na1\n", [f"1:1: {between('semicolons')}"]),
        "tabs": ("2\tna1\n3\tna1\n", [f"1:1: {between('tabs')}"]),
        "bars": ("2|na1\n", [f"1:1: {between('bars')}"]),
        "a mark, headings and semicolons": (
            "\ufeffaccount;to\n2;na1\n",
            [f"1:1: {between('semicolons')}"],
        ),
        "headings in another order": (
            "to,account\nna1,2\n",
            [f"1:1: {HEADS}", f"2:5: {unlisted('2')}"],
        ),
        "from after to": ("Account,To,From\n2,na1,eu1\n", [f"1:1: {HEADS}"]),
        "an empty column": (
            "2,na1,\n",
            ["1:7: the Hublet is missing; fill it in, or remove the comma before it"],
        ),
        "four columns": ("2,na1,eu1,na1\n", [f"1:1: {NO_ROW}"]),
        "thousands without quotes": (
            "5,865,761,eu1\n",
            ["1:1: the account has separators; write it as 5865761"],
        ),
        "from nowhere": ("2,xx,eu1\n", [f"1:3: {unlisted('xx')}"]),
        "commas in quotes": ('"2,""3",eu1,xx\n', [f"1:13: {unlisted('xx')}"]),
        "case": ("2,EU1\n", [f"1:3: {unlisted('EU1', "did you mean 'eu1'?")}"]),
        "with and without from": (
            "2,na1,eu1\n2,eu1\n",
            ["2:1: account 2 is there twice, with different Hublets; keep one"],
        ),
        "no account": (",na1\n", [f"1:1: {NO_ROW}"]),
        "a late head": ("2,na1\nid,hublet\n", [f"2:4: {unlisted('hublet')}"]),
        "twice, and different": (
            "2,na1\n02,eu1\n",
            ["2:1: account 02 is there twice, with different Hublets; keep one"],
        ),
        "not as in the table": (
            "1,na1\n",
            ["1:1: account 1 is there twice, with different Hublets; keep one"],
        ),
        "each line": ("2,na1\n\n3\n4,xx\n", [f"3:1: {NO_ROW}", f"4:3: {unlisted('xx')}"]),
        "the first 20": ("x\n" * 99, [f"{at}:1: {NO_ROW}" for at in range(1, 21)]),
        "no UTF-8": (b"2,na1\n3,\xff\n", ["2:3: not UTF-8; save the file as CSV in UTF-8"]),
        "UTF-16": ("2,na1\n".encode("utf-16"), ["1:1: not UTF-8; save the file as CSV in UTF-8"]),
        "no CSV": (
            "2,na1\n3," + "x" * 131073,
            ["2:1: not CSV: field larger than field limit (131072); fix the line"],
        ),
    },
)
def test_faults_of_a_file(rows: str | bytes, sentences: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read(rows.encode() if isinstance(rows, str) else rows)

    assert caught.value.messages == [f"moved.csv:{sentence}" for sentence in sentences]
    assert {fault.file for fault in caught.value.faults} == {"moved.csv"}
