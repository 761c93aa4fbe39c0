import re
from dataclasses import FrozenInstanceError, replace

import pytest

from cases import cases
from hublet_router.core.lookup import Rule
from hublet_router.core.places import Form, Header, Query
from hublet_router.core.readers import Protobuf, Regex
from hublet_router.core.request import Request
from hublet_router.core.table import (
    Accounts,
    Misdirected,
    Move,
    Policy,
    Table,
    Upstream,
    account_id,
)
from synthetic import access_token

PREFIX = Regex(re.compile("^([a-z0-9]+)-"))
NA1 = Upstream("https", "127.0.0.1", 9441)
EU1 = Upstream("https", "api-eu1.internal.example", 443)


def table(*domains: str, rules: tuple[Rule, ...] = ()) -> Table:
    return Table(
        version="0" * 12,
        domains=frozenset(domains),
        hublets={"na1": NA1, "eu1": EU1},
        default="na1",
        policy=Policy(),
        rules=rules,
    )


@pytest.mark.parametrize(
    ("upstream", "text"),
    [
        (
            Upstream("https", "api-eu1.internal.example", 443),
            "https://api-eu1.internal.example:443",
        ),
        (Upstream("http", "10.20.0.4", 8080), "http://10.20.0.4:8080"),
        (Upstream("https", "::1", 9441, "upstream"), "https://[::1]:9441"),
    ],
)
def test_an_upstream_is_shown_as_a_url(upstream: Upstream, text: str) -> None:
    assert str(upstream) == text


@cases(
    ("sni", "client_sni", "name"),
    {
        "client": ("client", "api.hubapi.com", "api.hubapi.com"),
        "client without TLS": ("client", None, "host.example"),
        "client without SNI": ("client", "", "host.example"),
        "upstream": ("upstream", "api.hubapi.com", "10.20.0.4"),
        "a name": ("eu1.internal.example", "api.hubapi.com", "eu1.internal.example"),
    },
)
def test_server_name(sni: str, client_sni: str | None, name: str) -> None:
    upstream = Upstream("https", "10.20.0.4", 443, sni)

    assert upstream.server_name(client_sni, "host.example") == name


def test_sni_is_the_clients_unless_the_table_says_otherwise() -> None:
    assert NA1.sni == "client"


def test_words_of_the_policy_can_be_replaced() -> None:
    lenient = table("api.test").with_policy(stray="ignore").with_policy(foreign="pass")

    assert lenient == replace(table("api.test"), policy=Policy(stray="ignore", foreign="pass"))


def test_the_policy_refuses_what_it_would_have_to_guess() -> None:
    assert Policy() == Policy("default", "default", "refuse", "refuse", "refuse")


@pytest.mark.parametrize(
    ("host", "owned"),
    [
        ("api.hubapi.com", True),
        ("hubapi.com", False),
        ("x.api.hubapi.com", False),
        ("api.hubapi.com.evil.example", False),
        ("a.example.com", True),
        ("a.b.example.com", False),
        ("example.com", False),
        (".example.com", False),
        ("aexample.com", False),
        ("com", False),
        ("", False),
        (".", False),
        ("[::1]", False),
    ],
)
def test_owns(host: str, owned: bool) -> None:
    assert table("api.hubapi.com", "*.example.com").owns(host) is owned


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("127.1", True),
        ("2130706433", True),
        ("0x7f.1", True),
        ("127.000.0.1", True),
        ("::ffff:127.0.0.1", True),
        ("[::ffff:127.0.0.1]", True),
        ("api-eu1.internal.example", True),
        ("API-EU1.Internal.Example", True),
        ("api-eu1.internal.example.", True),
        ("internal.example", False),
        ("127.0.0.2", False),
    ],
)
def test_is_upstream(host: str, known: bool) -> None:
    ports = {upstream.port for upstream in table("api.hubapi.com").hublets.values()}
    assert any(table("api.hubapi.com").is_upstream(host, port) for port in ports) is known


def test_another_port_of_a_hublets_host_is_no_upstream() -> None:
    assert not table("api.hubapi.com").is_upstream("127.0.0.1", 1)


BEARER = Rule("token", (Header("authorization", "bearer"),), PREFIX)
REFRESH = Rule("refresh", (Form("code"), Query("code")), PREFIX, re.compile("^/oauth/"))


@cases(
    ("rules", "path", "reads"),
    {
        "a path with a body rule": ((BEARER, REFRESH), "/oauth/v1/token", True),
        "another path": ((BEARER, REFRESH), "/crm/v3/objects", False),
        "no body rule": ((BEARER,), "/oauth/v1/token", False),
        "no rule": ((), "/", False),
    },
)
def test_reads_body(rules: tuple[Rule, ...], path: str, reads: bool) -> None:
    assert table("api.hubapi.com", rules=rules).reads_body(Request("GET", (), path)) is reads


KNOWN = Accounts((), (Protobuf(3),), {"7": Move("eu1"), "8": Move("na1")})


def test_owners_of_accounts() -> None:
    assert KNOWN.hublets_by_id(("9", "07", "")) == (None, "eu1", None)


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("62515", "62515"),
        ("0062515", "62515"),
        ("\uff16\u0662\u09eb15", "62515"),
        ("+\uff10\U0001d7d6", "8"),
        ("0", "0"),
        ("000", "0"),
        ("", ""),
        ("0x10", "0x10"),
        ("acme", "acme"),
        ("00acme", "00acme"),
        ("-7", "-7"),
        ("\u0660\u0667", "7"),
        ("\u00b2\u2167", "\u00b2\u2167"),
    ],
)
def test_one_spelling_of_an_account(text: str, account: str) -> None:
    assert account_id(text) == account


def test_the_server_name_of_an_address_has_no_brackets() -> None:
    upstream = Upstream("https", "10.0.0.1", 443)

    assert upstream.server_name(None, "[2001:db8::1]") == "2001:db8::1"
    assert upstream.server_name("api.test", "[2001:db8::1]") == "api.test"


def test_a_hublet_is_found_by_each_of_its_names() -> None:
    named = replace(table(), aliases={"frankfurt": "eu1", "gone": "ap1"})
    found = [named.hublet_named(name) for name in ("eu1", "frankfurt", "gone", "ap1", "")]
    assert found == ["eu1", "eu1", None, None, None]


def test_a_misdirected_answer_may_have_the_status_of_the_table() -> None:
    assert Misdirected(status=409).statuses == {409, 421, 477}


def test_repr_shows_no_account() -> None:
    assert repr(KNOWN) == "<Accounts: 2 moved>"


@pytest.mark.parametrize(
    ("accounts", "token", "ids"),
    [(KNOWN, access_token("eu1"), ("62515",)), (None, access_token("eu1"), ())],
    ids=["with accounts", "without"],
)
def test_a_table_looks_for_accounts_in_credentials(
    accounts: Accounts | None, token: str, ids: tuple[str, ...]
) -> None:
    oauth = Rule("oauth", (Header("authorization", "bearer"),), Protobuf(9))
    (look,) = replace(table(rules=(oauth,)), accounts=accounts).index.lookups_for(("/",))

    assert look.read(token) == (oauth, ("eu1",), ids)


def test_every_place_of_the_rules_once() -> None:
    assert table(rules=(REFRESH, BEARER, REFRESH)).places == (
        Form("code"),
        Query("code"),
        Header("authorization", "bearer"),
    )


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (table(), "default"),
        (NA1, "host"),
        (Policy(), "unknown"),
        (KNOWN, "moved"),
        (Misdirected(), "json"),
    ],
)
def test_the_values_of_a_table_are_frozen(value: object, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, field, "other")
