import re
from pathlib import Path

from cases import cases
from hublet_router.core.lookup import Rule
from hublet_router.core.places import Cookie, Form, Header, Host, Json, Query
from hublet_router.core.places import Path as PathPlace
from hublet_router.core.readers import Account, Jwt, Protobuf, Regex
from hublet_router.core.table import Accounts, Move
from hublet_router.tablefile.accounts import parse_accounts
from hublet_router.tablefile.errors import Faults
from hublet_router.tablefile.source_files import SourceFiles
from hublet_router.tablefile.structure import SCHEMA, Checker
from hublet_router.tablefile.yaml_file import compose

NAMES = {"na1": "na1", "eu1": "eu1", "europe": "eu1"}


def read(text: str, folder: Path = Path("/nowhere")) -> tuple[Accounts | None, list[str]]:
    """Read what stands under `accounts:`; return it with its faults."""
    faults = Faults()
    node = compose(faults, text.encode()) if text else None
    part = SCHEMA["properties"]["accounts"]
    section = Checker(faults).check(node, part, "'accounts'") if node else None
    accounts = parse_accounts(faults, section, NAMES, SourceFiles(str(folder / "t.yaml"), b""))
    return accounts, [f"{fault.line}:{fault.column}: {fault.text}" for fault in faults.found]


def test_a_table_without_accounts() -> None:
    assert read("") == (None, [])


def test_accounts(tmp_path: Path) -> None:
    (tmp_path / "moved.csv").write_text("9,na1,europe\n")
    accounts, sentences = read(
        "ids: [{query: portalId}, {protobuf: 3}]\n"
        "moved: {5865761: {from: na1, to: europe}, 0007: na1, acme: {to: eu1}, '08': europe}\n"
        "file: moved.csv\n",
        tmp_path,
    )

    assert sentences == []
    assert accounts == Accounts(
        (Rule("accounts", (Query("portalId"),), Account()),),
        (Protobuf(3),),
        {
            "5865761": Move("eu1", "na1"),
            "7": Move("na1"),
            "acme": Move("eu1"),
            "8": Move("eu1"),
            "9": Move("eu1", "na1"),
        },
    )


def test_what_a_spreadsheet_makes_of_a_number_is_a_fault_in_the_table_too() -> None:
    _, sentences = read("{ids: [{query: q}], moved: {7: na1, 5.8E6: na1}}")

    assert [it.split(";")[0] for it in sentences] == ["1:37: no request names an account '5.8E6'"]


def test_a_file_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    _, sentences = read("{ids: [{query: q}], file: moved.csv}", tmp_path)

    assert sentences == [
        "1:1: cannot be read: No such file or directory; write lines of account,hublet into it, or"
        " remove 'file' from 'accounts'"
    ]


def pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


@cases(
    ("item", "rule"),
    {
        "query": ("query: q", Rule("accounts", (Query("q"),), Account())),
        "two names": ("query: [q, r]", Rule("accounts", (Query("q"), Query("r")), Account())),
        "header": ("header: X-Account", Rule("accounts", (Header("x-account"),), Account())),
        "header and scheme": (
            "header: authorization, scheme: Account",
            Rule("accounts", (Header("authorization", "account"),), Account()),
        ),
        "cookie": ("cookie: c", Rule("accounts", (Cookie("c"),), Account())),
        "form": (
            "form: f, paths: ^/a",
            Rule("accounts", (Form("f"),), Account(), pattern("^/a"), "/a"),
        ),
        "json": (
            "json: a.b, paths: ^/a",
            Rule("accounts", (Json("a.b"),), Account(), pattern("^/a"), "/a"),
        ),
        "path": (
            "path: '^/submit/([0-9]+)/'",
            Rule("accounts", (PathPlace(pattern("^/submit/([0-9]+)/"), "/submit/"),), Account()),
        ),
        "host": (
            "host: '^([a-z]+)[.]'",
            Rule("accounts", (Host(re.compile("^([a-z]+)[.]")),), Account()),
        ),
    },
)
def test_where_an_account_stands_beside_the_credentials(item: str, rule: Rule) -> None:
    accounts, sentences = read(f"{{ids: [{{{item}}}], moved: {{1: eu1}}}}")

    assert sentences == []
    assert accounts
    assert (accounts.beside, accounts.inside) == ((rule,), ())


@cases(
    ("item", "reader"),
    {
        "protobuf": ("protobuf: 3", Protobuf(3)),
        "jwt": ("jwt: account.id", Jwt("account.id")),
        "regex": ("regex: '^k_([0-9]+)'", Regex(re.compile("^k_([0-9]+)"))),
    },
)
def test_how_an_account_stands_in_a_credential(item: str, reader: Protobuf | Jwt | Regex) -> None:
    accounts, sentences = read(f"{{ids: [{{{item}}}], moved: {{1: eu1}}}}")

    assert sentences == []
    assert accounts
    assert (accounts.beside, accounts.inside) == ((), (reader,))


EITHER = "'accounts' must hold at least one of moved, file"
ONE_KIND = (
    "an item of 'ids' must hold exactly one of header, query, cookie, form, json, path, host,"
    " protobuf, jwt, regex"
)
FIELD = "'protobuf' of an item of 'ids' must be the number of a protobuf field, like 9"


def unlisted(name: str) -> str:
    return f"'{name}' is not listed in 'hublets'; add it or fix the name"


@cases(
    ("text", "sentences"),
    {
        "a list": ("[]", ["1:1: 'accounts' must be a mapping of keys to values"]),
        "nothing moved": ("{ids: [{query: q}]}", [f"1:1: {EITHER}"]),
        "no ids": ("{moved: {}}", ["1:1: 'accounts' has no 'ids'; add it"]),
        "unknown key": (
            "{ids: [{query: q}], move: {}}",
            ["1:21: unknown key 'move' in 'accounts'; did you mean 'moved'?", f"1:1: {EITHER}"],
        ),
    },
)
def test_faults_of_accounts(text: str, sentences: list[str]) -> None:
    assert read(text)[1] == sentences


@cases(
    ("ids", "sentences"),
    {
        "empty": ("[]", ["1:7: 'ids' of 'accounts' is an empty list; name at least one"]),
        "no list": ("{query: q}", ["1:7: 'ids' of 'accounts' must be a list"]),
        "of no kind": ("[{}]", [f"1:8: {ONE_KIND}"]),
        "of two kinds": ("[{query: q, protobuf: 3}]", [f"1:8: {ONE_KIND}"]),
        "of another kind": (
            "[{heather: q}]",
            [
                "1:9: unknown key 'heather' in an item of 'ids'; did you mean 'header'?",
                f"1:8: {ONE_KIND}",
            ],
        ),
        "a body on any path": (
            "[{form: q}]",
            ["1:8: a rule that reads a body needs 'paths'; say which have one"],
        ),
        "paths of a credential": (
            "[{jwt: q, paths: ^/}]",
            ["1:17: 'paths' limits where an account stands; remove it"],
        ),
        "the header host": (
            "[{header: Host}]",
            [
                "1:17: HTTP/2 has no header 'host', so this would miss some requests; write host:"
                " PATTERN instead of header: host, which sees the host whatever the protocol"
            ],
        ),
        "no number": ("[{protobuf: x}]", [f"1:19: {FIELD}"]),
        "no group": (
            "[{path: '^/'}]",
            [
                "1:15: 'path' must have exactly one group, not 0: put ( ) around the part that is"
                " wanted, and write (?: ) for every other group"
            ],
        ),
    },
)
def test_faults_of_ids(ids: str, sentences: list[str]) -> None:
    accounts, found = read(f"ids:  {ids}\nmoved: {{1: eu1}}\n")

    assert found == sentences
    assert accounts


@cases(
    ("moved", "sentences"),
    {
        "list": ("[1]", ["2:8: 'moved' must be a mapping of keys to values"]),
        "unknown Hublet": ("{1: eu2}", [f"2:12: {unlisted('eu2')}"]),
        "no Hublet": ("{1: }", ["2:11: the Hublet of account '1' is empty; fill it in"]),
        "twice": ("{1: eu1, 01: eu1}", ["2:17: account 01 is there twice; keep one"]),
        "no id": ("{[1]: eu1}", ["2:9: a key of 'moved' must be an account's number or id"]),
        "empty": ("{'': eu1}", ["2:9: a key of 'moved' is empty; fill it in"]),
        "another way to write a number": (
            "{1_000: eu1}",
            [
                "2:9: a key of 'moved' must be text, but YAML reads '1_000' as a number; write"
                ' "1_000" in quotes'
            ],
        ),
    },
)
def test_faults_of_moved(moved: str, sentences: list[str]) -> None:
    assert read(f"ids: [{{query: q}}]\nmoved: {moved}\n")[1] == sentences
