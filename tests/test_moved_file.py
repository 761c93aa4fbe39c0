"""Files of moved accounts: what is taken, and the fault and cure of what is not."""

import pytest

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


@pytest.mark.parametrize(
    ("rows", "moved"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("2,na1\n", {"2": "na1"}, id="a line"),
        pytest.param("2,na1", {"2": "na1"}, id="no newline at the end"),
        pytest.param("2,na1\r\n\r\n3,eu1\r\n", {"2": "na1", "3": "eu1"}, id="CRLF, an empty line"),
        pytest.param("account,hublet\n2,na1\n", {"2": "na1"}, id="a head"),
        pytest.param("\nPortal ID, TO \n2,na1\n", {"2": "na1"}, id="a head of Excel"),
        pytest.param("2,na1\n,\n , \n3,eu1\n", {"2": "na1", "3": "eu1"}, id="blank rows"),
        pytest.param("2, na1 \n", {"2": "na1"}, id="blanks around a Hublet"),
        pytest.param("2,europe,na1\n", {"2": Move("na1", "eu1")}, id="an alias"),
        pytest.param("\ufeff2,na1\n", {"2": "na1"}, id="a byte order mark"),
        pytest.param("\ufeffid,hublet\n2,na1\n", {"2": "na1"}, id="a mark and a head"),
        pytest.param('"2","na1"\n', {"2": "na1"}, id="quotes"),
        pytest.param(" 2,na1\n\t03 ,eu1\n", {"2": "na1", "3": "eu1"}, id="white space"),
        pytest.param("002,na1\n2,na1\n", {"2": "na1"}, id="twice the same"),
        pytest.param("+2,na1\n2,na1\n", {"2": "na1"}, id="a plus"),
        pytest.param("\uff15\uff18,na1\n58,na1\n", {"58": "na1"}, id="full-width digits"),
        pytest.param("1,eu1\n", {}, id="the same as in the table"),
        pytest.param("acmé,na1\n", {"acmé": "na1"}, id="no number"),
        pytest.param("2,na1,eu1\n", {"2": Move("eu1", "na1")}, id="from and to"),
        pytest.param("account,from,to\n2,eu1,na1\n", {"2": Move("na1", "eu1")}, id="their head"),
    ],
)
def test_a_file_of_accounts(rows: str, moved: dict[str, str | Move]) -> None:
    moves = {account: Move(it) if isinstance(it, str) else it for account, it in moved.items()}
    assert read(rows.encode()) == {"1": Move("eu1"), **moves}


def test_a_hublet_is_kept_once() -> None:
    moved = read(b"2,na1\n3,na1\n")

    assert moved["2"] is moved["3"]


COLUMNS = "the columns are account,to or account,from,to"
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


@pytest.mark.parametrize(
    ("cell", "sentence"),
    [
        pytest.param("5.86577E+06", odd("5.86577E+06", LOST), id="an exponent"),
        pytest.param("5,86577e6", odd("5,86577e6", LOST), id="a German exponent"),
        pytest.param('="5865761"', odd('="5865761"', SIGN), id="a formula"),
        pytest.param("'5865761", odd("'5865761", SIGN), id="a quote of a spreadsheet"),
        pytest.param("\u20185865761", odd("\u20185865761", SIGN), id="a typographic quote"),
        pytest.param("+5,865,761", odd("+5,865,761", SIGN), id="a plus and thousands"),
        pytest.param("5,865,761", odd("5,865,761", SEPARATORS), id="thousands"),
        pytest.param("5.865.761", odd("5.865.761", SEPARATORS), id="German thousands"),
        pytest.param("5'865'761", odd("5'865'761", SEPARATORS), id="Swiss thousands"),
        pytest.param("5\u202f865\xa0761", odd("5\u202f865\xa0761", SEPARATORS), id="blanks"),
        pytest.param("5865761.0", odd("5865761.0", "write it without a fraction"), id="a fraction"),
        pytest.param("-5865761", odd("-5865761", SIGN), id="a minus"),
        pytest.param("\u20ac 5865761", odd("\u20ac 5865761", MONEY), id="an amount of money"),
        pytest.param("5865761%", odd("5865761%", MONEY), id="a percentage"),
        pytest.param("2024-01-05", odd("2024-01-05", LOST), id="a date"),
        pytest.param("5.1.2024", odd("5.1.2024", LOST), id="a German date"),
        pytest.param("#####", odd("#####", LOST), id="a column that is too narrow"),
        pytest.param("58\x0057", odd("58\\x0057", "it holds a control character; remove it"),
                     id="a control character"),
        pytest.param("acme corp", odd("acme corp", "remove the white space"), id="white space"),
    ],
)  # fmt: skip
def test_what_a_spreadsheet_makes_of_a_number(cell: str, sentence: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    with pytest.raises(TableError) as caught:
        read(f"account,to\r\n2,na1\r\n{quoted},na1\r\n".encode())

    assert caught.value.messages == [f"moved.csv:3:1: {sentence}"]


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        pytest.param("2\n", [f"1:1: {NO_ROW}"], id="one column"),
        pytest.param("2;na1\n3;na1\n", [f"1:1: {between('semicolons')}"], id="semicolons"),
        pytest.param("2\tna1\n3\tna1\n", [f"1:1: {between('tabs')}"], id="tabs"),
        pytest.param("2|na1\n", [f"1:1: {between('bars')}"], id="bars"),
        pytest.param("\ufeffaccount;to\n2;na1\n", [f"1:1: {between('semicolons')}"],
                     id="a mark, headings and semicolons"),
        pytest.param("to,account\nna1,2\n", [f"1:1: {HEADS}", f"2:5: {unlisted('2')}"],
                     id="headings in another order"),
        pytest.param("Account,To,From\n2,na1,eu1\n", [f"1:1: {HEADS}"], id="from after to"),
        pytest.param(
            "2,na1,\n",
            ["1:7: the Hublet is missing; fill it in, or remove the comma before it"],
            id="an empty column",
        ),
        pytest.param("2,na1,eu1,na1\n", [f"1:1: {NO_ROW}"], id="four columns"),
        pytest.param("5,865,761,eu1\n",
                     ["1:1: the account has separators; write it as 5865761"],
                     id="thousands without quotes"),
        pytest.param("2,xx,eu1\n", [f"1:3: {unlisted('xx')}"], id="from nowhere"),
        pytest.param('"2,""3",eu1,xx\n', [f"1:13: {unlisted('xx')}"], id="commas in quotes"),
        pytest.param("2,EU1\n", [f"1:3: {unlisted('EU1', "did you mean 'eu1'?")}"], id="case"),
        pytest.param(
            "2,na1,eu1\n2,eu1\n",
            ["2:1: account 2 is there twice, with different Hublets; keep one"],
            id="with and without from",
        ),
        pytest.param(",na1\n", [f"1:1: {NO_ROW}"], id="no account"),
        pytest.param("2,na1\nid,hublet\n", [f"2:4: {unlisted('hublet')}"], id="a late head"),
        pytest.param(
            "2,na1\n02,eu1\n",
            ["2:1: account 02 is there twice, with different Hublets; keep one"],
            id="twice, and different",
        ),
        pytest.param(
            "1,na1\n",
            ["1:1: account 1 is there twice, with different Hublets; keep one"],
            id="not as in the table",
        ),
        pytest.param(
            "2,na1\n\n3\n4,xx\n", [f"3:1: {NO_ROW}", f"4:3: {unlisted('xx')}"], id="each line"
        ),
        pytest.param("x\n" * 99, [f"{at}:1: {NO_ROW}" for at in range(1, 21)], id="the first 20"),
        pytest.param(
            b"2,na1\n3,\xff\n", ["2:3: not UTF-8; save the file as CSV in UTF-8"], id="no UTF-8"
        ),
        pytest.param(
            "2,na1\n".encode("utf-16"), ["1:1: not UTF-8; save the file as CSV in UTF-8"],
            id="UTF-16",
        ),
        pytest.param(
            "2,na1\n3," + "x" * 131073,
            ["2:1: not CSV: field larger than field limit (131072); fix the line"],
            id="no CSV",
        ),
    ],
)  # fmt: skip
def test_faults_of_a_file(rows: str | bytes, sentences: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read(rows.encode() if isinstance(rows, str) else rows)

    assert caught.value.messages == [f"moved.csv:{sentence}" for sentence in sentences]
    assert {fault.file for fault in caught.value.faults} == {"moved.csv"}
