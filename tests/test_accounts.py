import pytest

from hublet_router.core.places import Path as PathPlace
from hublet_router.core.places import Query
from hublet_router.core.readers import Protobuf
from hublet_router.core.table import Accounts, Move
from hublet_router.tablefile.accounts import parse_accounts, read_moved
from hublet_router.tablefile.errors import Faults, TableError
from hublet_router.tablefile.structure import SCHEMA, check, compose

HUBLETS = {"na1", "eu1"}


def read(text: str) -> tuple[Accounts | None, list[str]]:
    """Read what stands under `accounts:`; return it with its faults."""
    faults = Faults()
    node = compose(faults, text.encode()) if text else None
    section = check(faults, node, SCHEMA["properties"]["accounts"]) if node else None
    accounts = parse_accounts(faults, section, HUBLETS)
    return accounts, [f"{fault.line}:{fault.column}: {fault.text}" for fault in faults.found]


def test_a_table_without_accounts() -> None:
    assert read("") == (None, [])


def test_accounts() -> None:
    accounts, sentences = read(
        'ids: [{query: portalId}, {protobuf: 3}, {path: "^/submit/([0-9]+)/"}]\n'
        "moved: {5865761: {from: na1, to: eu1}, 0007: na1, acme: {to: eu1}, '08': eu1}\n"
        "file: moved.csv\n"
    )

    assert sentences == []
    assert accounts
    query, path = accounts.places
    assert query == Query("portalId")
    assert isinstance(path, PathPlace)
    assert (path.pattern.pattern, path.prefix) == ("^/submit/([0-9]+)/", "/submit/")
    assert accounts.fields == (Protobuf(3),)
    assert accounts.moved == {
        "5865761": Move("eu1", "na1"),
        "7": Move("na1"),
        "acme": Move("eu1"),
        "8": Move("eu1"),
    }
    assert accounts.file == "moved.csv"


EITHER = "'accounts' must hold at least one of moved, file"
ONE_KIND = "an item of 'ids' must hold exactly one of query, path, protobuf"
FIELD = "'protobuf' of an item of 'ids' must be the number of a protobuf field, like 9"


def unlisted(name: str) -> str:
    return f"'{name}' is not listed in 'hublets'; add it or fix the name"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        pytest.param("[]", ["1:1: 'accounts' must be a mapping of keys to values"], id="a list"),
        pytest.param("{ids: [{query: q}]}", [f"1:1: {EITHER}"], id="nothing moved"),
        pytest.param("{moved: {}}", ["1:1: 'accounts' has no 'ids'; add it"], id="no ids"),
        pytest.param(
            "{ids: [{query: q}], move: {}}",
            ["1:21: unknown key 'move' in 'accounts'; did you mean 'moved'?", f"1:1: {EITHER}"],
            id="unknown key",
        ),
    ],
)  # fmt: skip
def test_faults_of_accounts(text: str, sentences: list[str]) -> None:
    assert read(text)[1] == sentences


@pytest.mark.parametrize(
    ("ids", "sentences"),
    [
        pytest.param("[]", ["1:7: 'ids' of 'accounts' is an empty list; name at least one"],
                     id="empty"),
        pytest.param("{query: q}", ["1:7: 'ids' of 'accounts' must be a list"], id="no list"),
        pytest.param("[{}]", [f"1:8: {ONE_KIND}"], id="of no kind"),
        pytest.param("[{query: q, protobuf: 3}]", [f"1:8: {ONE_KIND}"], id="of two kinds"),
        pytest.param(
            "[{header: q}]",
            ["1:9: unknown key 'header' in an item of 'ids'; known are query, path, protobuf",
             f"1:8: {ONE_KIND}"],
            id="of another kind",
        ),
        pytest.param("[{protobuf: x}]", [f"1:19: {FIELD}"], id="no number"),
        pytest.param(
            "[{path: '^/'}]",
            ["1:15: 'path' must have exactly one group, not 0: put ( ) around the part that is"
             " wanted, and write (?: ) for every other group"],
            id="no group",
        ),
    ],
)  # fmt: skip
def test_faults_of_ids(ids: str, sentences: list[str]) -> None:
    accounts, found = read(f"ids:  {ids}\nmoved: {{1: eu1}}\n")

    assert found == sentences
    assert accounts
    assert (accounts.places, accounts.fields) == ((), ())


@pytest.mark.parametrize(
    ("moved", "sentences"),
    [
        pytest.param("[1]", ["2:8: 'moved' must be a mapping of keys to values"], id="list"),
        pytest.param("{1: eu2}", [f"2:12: {unlisted('eu2')}"], id="unknown Hublet"),
        pytest.param("{1: }", ["2:11: the Hublet of account '1' must be text, but YAML reads '' as"
                               " nothing; write it in quotes"], id="no Hublet"),
        pytest.param("{1: eu1, 01: eu1}", ["2:17: account 01 is there twice; keep one"],
                     id="twice"),
        pytest.param("{[1]: eu1}", ["2:9: a key of 'moved' must be an account's number or id"],
                     id="no id"),
        pytest.param("{'': eu1}", ["2:9: a key of 'moved' is empty; fill it in"], id="empty"),
        pytest.param(
            "{1_000: eu1}",
            ["2:9: a key of 'moved' must be text, but YAML reads '1_000' as a number; write"
             ' "1_000" in quotes'],
            id="another way to write a number",
        ),
    ],
)  # fmt: skip
def test_faults_of_moved(moved: str, sentences: list[str]) -> None:
    assert read(f"ids: [{{query: q}}]\nmoved: {moved}\n")[1] == sentences


ACCOUNTS = Accounts((Query("q"),), (), {"1": Move("eu1")}, "moved.csv")


@pytest.mark.parametrize(
    ("rows", "moved"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("2,na1\n", {"2": "na1"}, id="a line"),
        pytest.param("2,na1", {"2": "na1"}, id="no newline at the end"),
        pytest.param("2,na1\r\n\r\n3,eu1\r\n", {"2": "na1", "3": "eu1"}, id="CRLF, an empty line"),
        pytest.param("account,hublet\n2,na1\n", {"2": "na1"}, id="a head"),
        pytest.param("\ufeff2,na1\n", {"2": "na1"}, id="a byte order mark"),
        pytest.param("\ufeffid,hublet\n2,na1\n", {"2": "na1"}, id="a mark and a head"),
        pytest.param('"2","na1"\n', {"2": "na1"}, id="quotes"),
        pytest.param(" 2,na1\n\t03 ,eu1\n", {"2": "na1", "3": "eu1"}, id="white space"),
        pytest.param("002,na1\n2,na1\n", {"2": "na1"}, id="twice the same"),
        pytest.param("1,eu1\n", {}, id="the same as in the table"),
        pytest.param("acmé,na1\n", {"acmé": "na1"}, id="no number"),
        pytest.param("2,na1,eu1\n", {"2": Move("eu1", "na1")}, id="from and to"),
        pytest.param("account,from,to\n2,eu1,na1\n", {"2": Move("na1", "eu1")}, id="their head"),
    ],
)
def test_a_file_of_accounts(rows: str, moved: dict[str, str | Move]) -> None:
    moves = {account: Move(it) if isinstance(it, str) else it for account, it in moved.items()}
    read = read_moved("moved.csv", rows.encode(), ACCOUNTS, HUBLETS)
    assert read == {"1": Move("eu1"), **moves}


def test_a_hublet_is_kept_once() -> None:
    moved = read_moved("moved.csv", b"2,na1\n3,na1\n", ACCOUNTS, HUBLETS)

    assert moved["2"] is moved["3"]
    assert ACCOUNTS.moved == {"1": Move("eu1")}


SPREADSHEET = ("2.0", "+2", "\uff12", "2 2", "5.87E+06", "5,865,761", "'2", "=2")
NO_ROW = "not account,to or account,from,to; fix the line"


@pytest.mark.parametrize(
    ("rows", "sentences"),
    [
        pytest.param(b"2\n", [f"1:1: {NO_ROW}"], id="one column"),
        pytest.param(b"2;na1\n", [f"1:1: {NO_ROW}"], id="semicolons"),
        pytest.param(b"2,na1,\n", [f"1:1: {unlisted('')}"], id="an empty column"),
        pytest.param(b"2,na1,eu1,na1\n", [f"1:1: {NO_ROW}"], id="four columns"),
        pytest.param(b"2,xx,eu1\n", [f"1:1: {unlisted('xx')}"], id="from nowhere"),
        pytest.param(
            b"2,na1,eu1\n2,eu1\n",
            ["2:1: account 2 is there twice, with different Hublets; keep one"],
            id="with and without from",
        ),
        pytest.param(b",na1\n", [f"1:1: {NO_ROW}"], id="no account"),
        pytest.param(b"2,na1\nid,hublet\n", [f"2:1: {unlisted('hublet')}"], id="a late head"),
        pytest.param(b"2, na1\n", [f"1:1: {unlisted(' na1')}"], id="a space"),
        pytest.param(
            b"2,na1\n02,eu1\n",
            ["2:1: account 02 is there twice, with different Hublets; keep one"],
            id="twice, and different",
        ),
        pytest.param(
            "\n".join(f'"{odd}",na1' for odd in SPREADSHEET).encode(),
            [
                f"{at}:1: no request names an account '{odd}'; write the plain number or id"
                for at, odd in enumerate(SPREADSHEET, 1)
            ],
            id="what a spreadsheet makes of numbers",
        ),
        pytest.param(
            b"1,na1\n",
            ["1:1: account 1 is there twice, with different Hublets; keep one"],
            id="not as in the table",
        ),
        pytest.param(
            b"2,na1\n\n3\n4,xx\n", [f"3:1: {NO_ROW}", f"4:1: {unlisted('xx')}"], id="each line"
        ),
        pytest.param(b"x\n" * 99, [f"{at}:1: {NO_ROW}" for at in range(1, 21)], id="the first 20"),
        pytest.param(
            b"2,na1\n3,\xff\n", ["2:3: not UTF-8; save the file as UTF-8 text"], id="no UTF-8"
        ),
        pytest.param(
            b"\xff", ["1:1: not UTF-8; save the file as UTF-8 text"], id="no UTF-8 at all"
        ),
        pytest.param(
            b"2,na1\n3," + b"x" * 131073,
            ["2:1: not CSV: field larger than field limit (131072); fix the line"],
            id="no CSV",
        ),
    ],
)
def test_faults_of_a_file(rows: bytes, sentences: list[str]) -> None:
    with pytest.raises(TableError) as caught:
        read_moved("moved.csv", rows, ACCOUNTS, HUBLETS)

    assert caught.value.messages == [f"moved.csv:{sentence}" for sentence in sentences]
    assert {fault.file for fault in caught.value.faults} == {"moved.csv"}
