import base64
import re
from dataclasses import replace

import pytest

from cases import cases
from hublet_router.core.decision import Reason
from hublet_router.core.findings import Finding, findings
from hublet_router.core.judge import decide, examine
from hublet_router.core.places import Host, Query
from hublet_router.core.readers import Base64, Regex
from hublet_router.core.request import Request, host_name
from hublet_router.core.stray import _texts, find_stray
from shipped_table import SHIPPED as TABLE
from synthetic import access_token, api_key, personal_access_key, private_app_token

KEY, PAT, TOKEN = api_key("eu1"), private_app_token("eu1"), access_token("eu1")
PAT_RULE = next(rule for rule in TABLE.rules if rule.name == "private-app-token")
REFRESH = "/localdevauth/v1/auth/refresh"
SLASHES = access_token("eu1", scopes=b"\xff\xfe").replace("-", "%2B").replace("_", "%2F")
ESCAPED = "".join(f"\\u{ord(char):04x}" for char in personal_access_key("eu1"))


@pytest.mark.parametrize("method", ["GET", PAT.upper(), PAT])
@pytest.mark.parametrize("name", ["accept", PAT])
def test_a_method_and_the_names_of_fields_are_read_too(method: str, name: str) -> None:
    seen = Request(method, ("api.hubapi.com",), "/", ((name, "x"),))
    stray = find_stray(TABLE, seen, "na1", [])
    assert (stray.hublet if stray else None) == (None if method + name == "GETaccept" else "eu1")


def names(target: str, field: str = "", body: str = "", known: str = "") -> str | None:
    seen = Request("GET", ("api.hubapi.com",), target, (("x-any", field),), body.encode("latin-1"))
    rule = PAT_RULE
    found = [Finding(rule.places[0], rule, known, ("na1",))] if known else []
    stray = find_stray(TABLE, seen, "na1", found)
    assert stray is None or stray.hublet in TABLE.hublets
    return stray.hublet if stray else None


@cases(
    ("target", "field", "body"),
    {
        "query": (f"/?a[]={KEY}", "", ""),
        "path": (f"/x&hapikey={KEY}", "", ""),
        "field": ("/", f'Token token="{PAT}"', ""),
        "escaped": ("/?a=%65" + KEY[1:], "", ""),
        "escaped three times": ("/?a=%252565" + KEY[1:], "", ""),
        "escaped as ASP.NET does": ("/?a=%u0065" + KEY[1:], "", ""),
        "escaped as JavaScript does": ("/", "\\x65" + KEY[1:], ""),
        "Basic": ("/", "Basic " + base64.b64encode(f"x:{PAT}".encode()).decode(), ""),
        "octal in quotes": ("/", '"\\145' + KEY[1:] + '"', ""),
        "base64": ("/", access_token("eu1").replace("-", "+").replace("_", "/"), ""),
        "another case": ("/", PAT.upper(), ""),
        "escaped slashes in a path": (f"/x/{SLASHES}", "", ""),
        "user of a URL": (f"/?u=https://{KEY}@a.example/", "", ""),
        "body": (REFRESH, "", f'{{"a": ["{KEY}"]}}'),
        "escapes in a body": (REFRESH, "", f'{{"a": "{ESCAPED}"}}'),
        "key in a body": (REFRESH, "", f'{{"{ESCAPED}": 1}}'),
    },
)
def test_a_credential_is_found_wherever_it_stands(target: str, field: str, body: str) -> None:
    assert names(target, field, body) == "eu1"


@cases(
    ("target", "field", "body"),
    {
        "the Hublet decided": ("/", api_key("na1"), ""),
        "an unlisted Hublet": ("/", api_key("zz9"), ""),
        "a short run": ("/", KEY[:15], ""),
        "a body that no rule reads": ("/crm/v3", "", KEY),
        "escapes of nothing": ("/%25%25", "\\", ""),
        "a regional host": ("/", "https://eu1-application.example.com/x", ""),
        "trace": ("/", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ""),
        "analytics": ("/", "_ga=GA1.2.1234567890.1234567890", ""),
        "browser": ("/", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", ""),
    },
)
def test_nothing_else_is_found(target: str, field: str, body: str) -> None:
    assert names(target, field, body) is None


def test_the_name_may_stand_in_the_base64_of_a_part_of_the_run() -> None:
    part = Base64(re.compile("^([a-z0-9]+):"), of=re.compile("^v1-([A-Za-z0-9]+)$"))
    table = replace(TABLE, rules=(replace(TABLE.rules[1], reader=part),))
    key = "v1-" + base64.b64encode(b"eu1:synthetic-key").decode().rstrip("=")

    stray = find_stray(table, Request("GET", ("api.hubapi.com",), f"/?x={key}", ()), "na1", [])

    assert stray
    assert stray.hublet == "eu1"


@pytest.mark.parametrize("junk", ['"', ",", ".", "~", " ", "\t", "=", "%", "\\", "é"])
@pytest.mark.parametrize("scheme", ["Basic ", "basic\t", "BASIC  "])
def test_basic_is_read_as_by_lenient_decoders(scheme: str, junk: str) -> None:
    coded = junk.join(base64.b64encode(f"x:{PAT}".encode()).decode())
    seen = Request("GET", ("api.hubapi.com",), "/", (("authorization", scheme + coded),))

    stray = find_stray(TABLE, seen, "na1", [])
    assert stray
    assert stray.hublet == "eu1"
    elsewhere = replace(seen, headers=(("x", scheme + coded),))
    assert find_stray(TABLE, elsewhere, "na1", []) is None or junk == "\\"


@pytest.mark.parametrize("cut", [1, 3, 6, 20])
def test_basic_may_stand_on_two_lines(cut: int) -> None:
    coded = base64.b64encode(PAT.encode()).decode()
    lines = f"Basic {coded[:cut]}", coded[cut:]
    seen = Request("GET", ("api.hubapi.com",), "/", tuple(("authorization", it) for it in lines))

    assert find_stray(TABLE, seen, "na1", [])
    assert (
        find_stray(TABLE, replace(seen, headers=seen.headers[::-1]), "na1", []) is None or cut == 20
    )


def test_lines_of_basic_that_were_clean_alone_are_read_together() -> None:
    coded = base64.b64encode(PAT.encode()).decode()
    lines = ("authorization", f"Basic {coded[:3]}"), ("authorization", coded[3:])
    seen = Request("GET", ("api.hubapi.com",), "/", lines)

    for line in lines:
        assert find_stray(TABLE, replace(seen, headers=(line,)), "na1", []) is None
    assert find_stray(TABLE, seen, "na1", [])


CUT = {
    "dots": "s.0={} s.1={}",
    "as ASP.NET does": "sC1={} sC2={}",
    "quotes": 's0="{}" s1="{}"',
    "names in quotes": '"s0"={} "s1"={}',
    "the last one first": "s.10={1} s.9={0}",
    "beside others": "s={0} t1={0} s1={0} s2={1} u1={1}",
}


@pytest.mark.parametrize("apart", [True, False], ids=["two fields", "one field"])
@pytest.mark.parametrize("cut", [1, 7, 14])
@cases("cookies", CUT)
def test_a_credential_may_be_cut_over_several_cookies(cookies: str, cut: int, apart: bool) -> None:
    pairs = cookies.format(PAT[:cut], PAT[cut:]).split()
    values = pairs if apart else ["; ".join(pairs)]
    seen = Request("GET", ("api.hubapi.com",), "/", tuple(("cookie", it) for it in values))
    table = replace(TABLE)

    for field in seen.headers if apart else ():
        assert find_stray(table, replace(seen, headers=(field,)), "na1", []) is None
    assert find_stray(table, seen, "na1", [])


def test_fields_are_joined_once() -> None:
    fields = tuple(("cookie", f"s{at}={at}") for at in range(9))
    assert _texts(TABLE, Request("GET", (), "/", fields), fields).count(("", "012345678")) == 1


@pytest.mark.parametrize("cookies", ["s1={}; t2={}", "s={}; s={}", "s1={1}; s2={0}"])
def test_cookies_that_no_server_joins_are_read_alone(cookies: str) -> None:
    seen = Request("GET", ("api.hubapi.com",), "/", (("cookie", cookies.format(PAT[:9], PAT[9:])),))

    assert find_stray(TABLE, seen, "na1", []) is None


def test_no_escape_is_looked_for_in_basic() -> None:
    coded = base64.b64encode(f"%65{KEY[1:]} \\145{KEY[1:]}".encode()).decode()
    value = f'Basic "{coded[:9]}" {coded[9:]}'
    seen = Request("GET", ("api.hubapi.com",), "/", (("authorization", value),))

    assert find_stray(TABLE, seen, "na1", []) is None


@pytest.mark.parametrize("written", ["{}", "{}:8443", "https://{}/", "proto=https;host={}"])
def test_the_own_host_of_a_request_is_no_credential(written: str) -> None:
    host = "eu1-application.api.example.com"
    fields = (("x-forwarded-host", written.format(host)),)
    seen = Request("GET", (host,), "/", fields)

    assert find_stray(TABLE, seen, "na1", []) is None
    assert find_stray(TABLE, replace(seen, hosts=("api.hubapi.com",)), "na1", []) or "/" in written


@cases(
    "token",
    {
        "junk inside": TOKEN.replace("A", "~A"),
        "padding inside": TOKEN[:20] + "==" + TOKEN[20:],
        "a half byte": TOKEN + "A" * ((1 - len(TOKEN)) % 4),
        "a cut one": TOKEN[:-3],
        "a short one of another rule": "eu1-short",
        "a control character before it": "\x01eu1-short",
        "a byte order mark before it": "\ufeffeu1-short",
        "brackets": "[eu1-short]",
        "a plus that is a blank": "+eu1-short",
        "another scheme": "Bearer EU1-short",
        "base64 behind a scheme": "Token SgNldTE",
    },
)
def test_what_its_own_rule_does_not_read_is_read_by_all(token: str) -> None:
    rule = PAT_RULE
    seen = Request("GET", ("api.hubapi.com",), "/", (("authorization", f"Bearer {token}"),))
    stray = find_stray(TABLE, seen, "na1", [Finding(rule.places[0], rule, token)])

    assert stray
    assert stray.hublet == "eu1"


def test_what_all_read_as_the_hublet_decided_is_no_stray() -> None:
    seen = Request("GET", ("api.hubapi.com",), "/", (("authorization", f"Bearer {TOKEN}"),))

    assert find_stray(TABLE, seen, "eu1", [Finding(PAT_RULE.places[0], PAT_RULE, TOKEN)]) is None


def test_what_was_clean_beside_a_judged_credential_is_read_again_without_it() -> None:
    rule = PAT_RULE
    seen = Request("GET", ("api.hubapi.com",), "/?a=%65" + KEY[1:])
    judged = Finding(rule.places[0], rule, KEY, ("eu1",))

    assert find_stray(TABLE, seen, "na1", [judged]) is None
    assert find_stray(TABLE, seen, "na1", [])


def test_what_was_clean_as_the_own_credential_is_no_longer_so_elsewhere() -> None:
    """A rule may read na1 in what another reader takes for eu1: that holds in its place alone."""
    seen = Request("GET", ("api.hubapi.com",), f"/?x={PAT}", (("x", PAT),))
    own = Finding(PAT_RULE.places[0], PAT_RULE, PAT, ("na1",))

    assert find_stray(TABLE, replace(seen, target="/"), "na1", [own]) is None
    assert find_stray(TABLE, replace(seen, target="/"), "na1", [])


@pytest.mark.parametrize("first", [(), ("/a%2Fb",), ("x:y:z",), ("/a%2Fb", "/q/x:y:z")], ids=str)
def test_a_text_is_read_the_same_whatever_was_read_before_it(first: tuple[str, ...]) -> None:
    table = replace(TABLE)
    texts = [f"/u/x:y:{KEY[:9]}:{KEY[9:]}", "/crm/a%2Fb%2Bc", f"b/{KEY[:9]}:c"]
    before = [find_stray(replace(TABLE), _with(texts), "na1", [])]
    for text in first:
        find_stray(table, _with([text]), "na1", [])
    for text in texts:
        find_stray(table, _with([text]), "na1", [])

    assert [find_stray(table, _with(texts), "na1", [])] == before


def _with(texts: list[str]) -> Request:
    return Request("GET", ("api.hubapi.com",), "/", tuple(("x", text) for text in texts))


def test_the_host_of_a_rule_is_no_stray_elsewhere() -> None:
    """A regional host in another field is no credential, whatever reads that of a rule."""
    whole = Host(re.compile("^(.+)$"))
    region = Regex(re.compile("^api-([a-z0-9]+)[.]hubapi[.]com$"))
    rule = replace(TABLE.rules[0], places=(whole,), reader=region)
    other = replace(TABLE.rules[1], places=(whole, Query("at")), reader=region)
    seen = Request("GET", ("api.hubapi.com",), "/", (("x-forwarded-host", "api-eu1.hubapi.com"),))

    assert find_stray(replace(TABLE, rules=(rule,)), seen, "na1", []) is None
    assert find_stray(replace(TABLE, rules=(rule, other)), seen, "na1", [])


def test_a_host_in_which_its_own_rule_reads_no_name_is_a_stray_in_other_fields_alone() -> None:
    label = Host(re.compile("^([a-z0-9-]+)[.]"))
    rule = replace(PAT_RULE, places=(label,), reader=Regex(re.compile("^api-([a-z0-9]+)$")))
    table = replace(TABLE, rules=(*TABLE.rules, rule))
    seen = Request("GET", ("eu1-application-7.hubapi.com",), "/")
    found = [Finding(label, rule, "eu1-application-7")]

    assert find_stray(table, seen, "na1", found) is None
    assert find_stray(table, replace(seen, target="/?x=eu1-application-7"), "na1", found)


def test_law_4_no_stray_credential_is_remembered() -> None:
    host_name.cache_clear()
    assert find_stray(TABLE, Request("GET", (), f"/{KEY}"), "na1", [])
    assert host_name.cache_info().currsize == 0


def test_a_stray_may_use_another_name_of_its_hublet() -> None:
    rule = replace(TABLE.rules[0], places=(Query("k"),), reader=Regex(re.compile("^k_([a-z]+)_")))
    table = replace(TABLE, rules=(rule,), aliases={"europe": "eu1", "america": "na1"})
    found = [
        find_stray(table, Request("GET", ("api.hubapi.com",), f"/k_{name}_0123456789", ()), at, [])
        for name, at in (("europe", "na1"), ("europe", "eu1"), ("america", "na1"))
    ]

    assert [stray and stray.hublet for stray in found] == ["eu1", None, None]


@pytest.mark.parametrize(
    ("user", "password"),
    [("pat-na1-x", "pat-eu1-0123456789"), ("sk_na1_0123456789", "pat-eu1-0123456789")],
)
def test_a_credential_that_names_the_hublet_decided_may_hold_another_one(
    user: str, password: str
) -> None:
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    assert names("/", f"Basic {basic}", known=basic) == "eu1"


def test_no_part_of_a_judged_credential_is_a_stray() -> None:
    whole = f"0123456789abcdef.{KEY}"
    seen = Request("GET", ("api.hubapi.com",), f"/?x={whole}")

    assert find_stray(TABLE, seen, "na1", []) is not None
    assert (
        find_stray(TABLE, seen, "na1", [Finding(PAT_RULE.places[0], PAT_RULE, whole, ("eu1",))])
        is None
    )


def test_a_credential_that_names_another_hublet_was_judged() -> None:
    rule = PAT_RULE
    seen = Request("GET", ("api.hubapi.com",), f"/?x={KEY}")
    moved = Finding(rule.places[0], rule, KEY, ("eu1",))

    assert find_stray(TABLE, seen, "na1", [moved]) is None
    assert find_stray(TABLE, seen, "na1", [])
    assert find_stray(TABLE, replace(seen, target=f"/?x={KEY}&y={PAT}"), "na1", [moved])


def _sent(target: str, *fields: tuple[str, str]) -> Request:
    return Request("GET", ("api.hubapi.com",), target, (*fields, ("user-agent", "a client 1.0.0")))


def test_fields_that_are_known_are_not_looked_through_again() -> None:
    table = replace(TABLE)
    for number in range(3):
        decide(table, _sent(f"/crm/{number}", ("authorization", f"Bearer {PAT}")))
    seen = _sent("/crm/v3/objects/contacts", ("authorization", f"Bearer {PAT}"))

    known = table.index.head_of(seen)
    table.index.clean._known.clear()
    assert decide(table, seen) == decide(replace(table), seen)
    assert len(table.index.clean._known) == 1, "the target alone"
    assert decide(table, seen) == decide(table, seen)
    assert table.index.head_of(seen) is known


def test_the_same_fields_may_be_clean_for_several_hublets() -> None:
    table = replace(TABLE)
    for hublet in ["na1", "eu1"] * 3:
        find_stray(table, _sent("/"), hublet, [])

    known = table.index.head_of(_sent("/"))
    assert known
    assert known.clean == {"na1", "eu1"}


@pytest.mark.parametrize(
    "fields",
    [
        [("authorization", f"Bearer {PAT}")],
        [("authorization", f"Bearer {PAT}"), ("x-any", PAT)],
        [("x-any", PAT)],
        [("authorization", 'Bearer "x"')],
        [("private-app", "pat-na1-00000000-0000-0000-0000-000000000000"), ("cookie", "a=b")],
        [],
    ],
    ids=str,
)
@pytest.mark.parametrize("target", ["/", "/crm/v3?limit=1", f"/?hapikey={KEY}", f"/?x={PAT}"])
@pytest.mark.parametrize("policy", ["refuse", "ignore"])
def test_fields_that_are_known_change_no_decision(
    fields: list[tuple[str, str]], target: str, policy: str
) -> None:
    """Whatever the rest of a request holds, and for whichever Hublet they are clean."""
    words = dict.fromkeys(["unreadable", "stray"], policy)
    table, fresh = TABLE.with_policy(**words), TABLE.with_policy(**words)
    first = _sent("/?hapikey=", *fields)
    for hublet in [*TABLE.hublets] * 3:
        find_stray(table, first, hublet, findings(table, first))
    for path in ("/", target, "/oauth/v1/token", target):
        seen = _sent(path, *fields)
        decision, found = examine(table, seen)

        assert (decision, found) == examine(fresh.with_policy(), seen)
        stray = find_stray(table, seen, "na1", [])
        assert stray == find_stray(fresh.with_policy(), seen, "na1", [])


def test_fields_with_a_control_character_are_never_known() -> None:
    table = replace(TABLE)
    seen = _sent("/", ("x-any", "a\rb"))
    for _ in range(3):
        assert find_stray(table, seen, "na1", []) is None

    assert table.index.head_of(seen) is None
    assert decide(table, seen).reason is Reason.UNREADABLE


def test_a_control_character_in_the_target_is_seen_beside_fields_that_are_known() -> None:
    table = replace(TABLE)
    for _ in range(3):
        assert decide(table, _sent("/")).reason is Reason.ANONYMOUS

    assert table.index.head_of(_sent("/"))
    assert decide(table, _sent("/\r")).reason is Reason.UNREADABLE


def test_what_stands_beside_a_credential_that_lost_is_no_known_text() -> None:
    """Its own runs are left out there, and not where it was not judged."""
    table = replace(TABLE)
    lost = Finding(PAT_RULE.places[0], PAT_RULE, PAT, ("eu1",))
    for _ in range(3):
        assert find_stray(table, _sent("/", ("x-any", PAT)), "na1", [lost]) is None

    assert find_stray(table, _sent("/", ("x-any", PAT)), "na1", [])
