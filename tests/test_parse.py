from hashlib import sha256
from ipaddress import ip_address

import pytest

from cases import cases
from hublet_router.core.places import Form, Query
from hublet_router.core.request import Request
from hublet_router.core.table import Misdirected, Policy, Table, Upstream
from hublet_router.tablefile.errors import TableError
from hublet_router.tablefile.parse import parse

DOMAINS = "domains: [api.test]\n"
HUBLETS = 'hublets: {na1: {upstream: "https://na1.test"}, eu1: {upstream: "https://eu1.test"}}\n'
RULES = "credentials: [{name: key, in: {query: k}, hublet: {jwt: r}}]\n"
DEFAULT = "default: na1\n"
WHOLE = DOMAINS + HUBLETS + RULES + DEFAULT


def read(text: str) -> Table:
    return parse(text.encode(), name="t.yaml")


def faults(text: str) -> list[str]:
    with pytest.raises(TableError) as caught:
        read(text)
    return [sentence.removeprefix("t.yaml:") for sentence in caught.value.messages]


def hublets(value: str) -> str:
    """Return a table whose line 2 holds that Hublet eu1, from column 16 on."""
    return (
        f"{DOMAINS}hublets: {{eu1: {value}, na1: {{upstream: 'https://na1.test'}}}}\n"
        f"{RULES}{DEFAULT}"
    )


def example(value: str) -> str:
    """Return a table whose line 5 holds that example, from column 12 on."""
    return f"{WHOLE}examples: [{value}]\n"


def test_the_smallest_table() -> None:
    table = read(WHOLE)

    assert table.version == sha256(WHOLE.encode()).hexdigest()[:12]
    assert table.domains == {"api.test"}
    assert table.hublets == {
        "na1": Upstream("https", "na1.test", 443),
        "eu1": Upstream("https", "eu1.test", 443),
    }
    assert table.default == "na1"
    assert table.policy == Policy()
    assert [rule.name for rule in table.rules] == ["key"]
    assert table.examples == ()


def test_a_table_that_guesses_nothing_needs_no_default() -> None:
    table = read(DOMAINS + HUBLETS + RULES + "policy: {legacy: refuse, anonymous: refuse}\n")

    assert table.default is None


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("{}", Policy()),
        ("{legacy: refuse}", Policy(legacy="refuse")),
        ("{anonymous: refuse}", Policy(anonymous="refuse")),
        ("{unknown: default}", Policy(unknown="default")),
        ("{conflict: first}", Policy(conflict="first")),
        ("{foreign: pass}", Policy(foreign="pass")),
    ],
)
def test_policy(text: str, policy: Policy) -> None:
    assert read(f"{WHOLE}policy: {text}\n").policy == policy


@pytest.mark.parametrize(
    ("text", "misdirected"),
    [
        ("{}", Misdirected()),
        ("{status: 488}", Misdirected(status=488)),
        ("{header: X-Correct_Hublet}", Misdirected(header="x-correct-hublet")),
        ("{json: error.data.region}", Misdirected(json="error.data.region")),
        ("{status: 421, header: x, json: y}", Misdirected(421, "x", "y")),
    ],
)
def test_misdirected(text: str, misdirected: Misdirected) -> None:
    assert read(f"{WHOLE}misdirected: {text}\n").misdirected == misdirected
    assert read(WHOLE).misdirected == Misdirected()


NO_ERROR = "'status' of 'misdirected' must be the status of an error, like 488"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "5:14: 'misdirected' must be a mapping of keys to values"),
        ("{status: 200}", f"5:23: {NO_ERROR}"),
        ("{status: 4880}", f"5:23: {NO_ERROR}"),
        (
            "{header: x y}",
            "5:23: 'header' of 'misdirected' must be the name of a header, without spaces and"
            " colon",
        ),
        ("{header: []}", "5:23: 'header' of 'misdirected' must be text"),
        ("{json: ''}", "5:21: 'json' of 'misdirected' is empty; fill it in"),
        (
            "{body: x}",
            "5:15: unknown key 'body' in 'misdirected'; known are status, header, json",
        ),
    ],
)
def test_faults_of_misdirected(text: str, sentence: str) -> None:
    assert faults(f"{WHOLE}misdirected: {text}\n") == [sentence]


def test_accounts_belong_to_the_table() -> None:
    assert read(f"{WHOLE}accounts: {{ids: [{{query: id}}], moved: {{7: eu1}}}}\n").accounts
    assert faults(f"{WHOLE}accounts: {{ids: [{{query: id}}], moved: {{7: eu2}}}}\n") == [
        "5:43: 'eu2' is not listed in 'hublets'; add it or fix the name"
    ]


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("API.Test", "api.test"),
        ("api.test.", "api.test"),
        ('"*.api.test"', "*.api.test"),
        ("localhost", "localhost"),
        ("xn--caf-dma.test", "xn--caf-dma.test"),
        ("_internal.test", "_internal.test"),
        ("x" * 63, "x" * 63),
        ("'[2001:DB8:0::1]'", "[2001:db8::1]"),
        ("'[::ffff:10.0.0.1]'", f"[{ip_address('::ffff:10.0.0.1')}]"),
    ],
)
def test_domains(text: str, domain: str) -> None:
    assert read(f"domains: [{text}]\n{HUBLETS}{RULES}{DEFAULT}").domains == {domain}


@pytest.mark.parametrize(
    ("text", "upstream"),
    [
        ("{upstream: https://eu1.test}", Upstream("https", "eu1.test", 443)),
        ("{upstream: http://eu1.test}", Upstream("http", "eu1.test", 80)),
        ("{upstream: https://EU1.Test:8443}", Upstream("https", "eu1.test", 8443)),
        ("{upstream: http://127.0.0.1:1}", Upstream("http", "127.0.0.1", 1)),
        ("{upstream: http://localhost:65535}", Upstream("http", "localhost", 65535)),
        ('{upstream: "https://[::1]:8443"}', Upstream("https", "::1", 8443)),
        ('{upstream: "https://[FE80::A]"}', Upstream("https", "fe80::a", 443)),
        ("{upstream: https://1.eu1}", Upstream("https", "1.eu1", 443)),
        ("{upstream: https://a.test, sni: client}", Upstream("https", "a.test", 443, "client")),
        ("{upstream: https://a.test, sni: upstream}", Upstream("https", "a.test", 443, "upstream")),
        ("{upstream: https://a.test, sni: B.Test}", Upstream("https", "a.test", 443, "b.test")),
        ("{upstream: https://a.test, http2: true}", Upstream("https", "a.test", 443)),
        ("{upstream: https://a.test, http2: false}", Upstream("https", "a.test", 443, http2=False)),
    ],
)
def test_upstreams(text: str, upstream: Upstream) -> None:
    assert read(hublets(text)).hublets["eu1"] == upstream


def test_hublets_may_share_an_address_under_one_name() -> None:
    table = read(
        f"{DOMAINS}{RULES}{DEFAULT}"
        "hublets:\n"
        '  na1: {upstream: "https://a.test", sni: b.test}\n'
        '  na2: {upstream: "https://A.test:443", sni: B.test}\n'
    )

    assert table.hublets["na1"] == table.hublets["na2"]


def test_rules_of_one_place_are_kept_together_in_order() -> None:
    table = read(
        f"{DOMAINS}{HUBLETS}{DEFAULT}"
        "credentials:\n"
        "  - {name: a, in: {query: k}, hublet: {jwt: r}}\n"
        '  - {name: b, paths: "^/", in: {form: [k, l]}, hublet: {protobuf: 9}}\n'
        "  - {name: c, in: {query: [l, k]}, hublet: {protobuf: 9}}\n"
    )

    assert [
        (look.place, [rule.name for rule in look.rules]) for look in table.index.lookups_for(("/",))
    ] == [
        (Query("k"), ["a", "c"]),
        (Form("k"), ["b"]),
        (Form("l"), ["b"]),
        (Query("l"), ["c"]),
    ]


@cases(
    ("text", "request_"),
    {
        "fragment": (
            "{url: 'https://api.test/x?a=%41#part'}",
            Request("GET", ("api.test",), "/x?a=%41"),
        ),
        "no path": ("{url: http://api.test}", Request("GET", ("api.test",), "/")),
        "only a query": ("{url: 'https://api.test?a=b'}", Request("GET", ("api.test",), "/?a=b")),
        "as the client would send it": (
            "{url: HTTPS://API.Test:8443//x/../y}",
            Request("GET", ("API.Test:8443",), "//x/../y"),
        ),
        "userinfo": ("{url: https://user@api.test/}", Request("GET", ("user@api.test",), "/")),
        "UTF-8": ("{url: https://api.test/é}", Request("GET", ("api.test",), "/Ã©")),
        "method": (
            "{url: https://api.test/, method: DELETE}",
            Request("DELETE", ("api.test",), "/"),
        ),
        "body": (
            "{url: https://api.test/, body: a=é}",
            Request("POST", ("api.test",), "/", (), "a=é".encode()),
        ),
        "body and method": (
            "{url: https://api.test/, method: PUT, body: a=b}",
            Request("PUT", ("api.test",), "/", (), b"a=b"),
        ),
        "64 KiB": (
            f"{{url: https://api.test/, body: {'x' * 65536}}}",
            Request("POST", ("api.test",), "/", (), b"x" * 65536),
        ),
        "a body that the proxy would not read either": (
            f"{{url: https://api.test/, body: {'x' * 65537}}}",
            Request("POST", ("api.test",), "/", (), None),
        ),
        "headers": (
            "{url: https://api.test/, headers: {X-Key: [a, é], y: b}}",
            Request("GET", ("api.test",), "/", (("x-key", "a"), ("x-key", "Ã©"), ("y", "b"))),
        ),
        "Host": (
            "{url: https://api.test/, headers: {Host: [b.test, c.test]}}",
            Request("GET", ("b.test", "c.test"), "/", (("host", "b.test"), ("host", "c.test"))),
        ),
    },
)
def test_requests_of_examples(text: str, request_: Request) -> None:
    (found,) = read(example(f"{{request: {text}, hublet: eu1}}")).examples

    assert found.request == request_.with_fields(found.request.fields)


def test_examples_keep_the_names_of_their_fields() -> None:
    request = "{url: https://api.test/, headers: {X_Key: [a, b], Y: c}}"
    (found,) = read(example(f"{{request: {request}, hublet: eu1}}")).examples

    assert found.request.fields == [("X_Key", "a"), ("X_Key", "b"), ("Y", "c")]


def test_examples_know_where_they_stand_and_what_they_want() -> None:
    table = read(
        f"{WHOLE}"
        "examples:\n"
        "  - {request: {url: https://api.test/}, hublet: eu1}\n"
        "  -   refused: conflict\n"
        "      request: {url: https://api.test/}\n"
    )

    assert [(e.hublet, e.refused, *e.at) for e in table.examples] == [
        ("eu1", None, 6, 5),
        (None, "conflict", 7, 7),
    ]


@pytest.mark.parametrize(
    "reason", ["unknown-hublet", "conflict", "foreign-host", "too-large", "legacy", "anonymous"]
)
def test_every_refusal_that_a_table_can_cause_can_be_an_example(reason: str) -> None:
    text = example(f"{{request: {{url: https://api.test/}}, refused: {reason}}}")

    assert read(text).examples[0].refused == reason


NO_DEFAULT = (
    "the table has no 'default'; name the Hublet of credentials older than Hublets,"
    " or set legacy and anonymous of 'policy' to refuse"
)
NO_MAPPING = "the table must be a mapping of keys to values"
NO_UPSTREAM = (
    "'upstream' of Hublet 'eu1' must be http(s)://host[:port] and nothing else, not even a slash at"
    " the end: the path is the client's"
)
NO_HOST = (
    "'upstream' of Hublet 'eu1' is at no host and port that can be; write a host name, an IPv4"
    " address or an IPv6 address in [ ], and a port from 1 to 65535"
)
WHOLE_URL = "'url' of a request must be a whole URL, like https://api.hubapi.com/x"
EITHER = "an example must hold exactly one of hublet, refused"


NO_SNI = (
    "'sni' of Hublet 'eu1' must be client (the name that the client asked TLS for), upstream (the"
    " upstream's own), or the host name itself"
)


def misread(what: str, value: str, kind: str) -> str:
    return f"{what} must be text, but YAML reads '{value}' as {kind}; write \"{value}\" in quotes"


NO_DOMAIN = (
    "a domain must be a host name without scheme, port and path, in ASCII (xn--…), with a leading"
    " '*.' for any one label, or an IPv6 address in [ ]"
)


@cases(
    ("text", "sentences"),
    {
        "empty file": ("", ["1:1: the file is empty; it must hold a table"]),
        "a list": ("[a]", [f"1:1: {NO_MAPPING}"]),
        "text": ("a", [f"1:1: {NO_MAPPING}"]),
        "only a marker": ("---\n", [f"2:1: {NO_MAPPING}"]),
        "an empty mapping": (
            "{}",
            [
                "1:1: the table has no 'domains'; add it",
                "1:1: the table has no 'hublets'; add it",
                "1:1: the table has no 'credentials'; add it",
                f"1:1: {NO_DEFAULT}",
            ],
        ),
        "unknown key, nearly right": (
            f"{WHOLE}domain: [a.test]\n",
            ["5:1: unknown key 'domain' in the table; did you mean 'domains'?"],
        ),
        "unknown key": (
            f"{WHOLE}upstreams: {{}}\n",
            [
                "5:1: unknown key 'upstreams' in the table; known are domains, hublets,"
                " default, policy, credentials, accounts, misdirected, examples"
            ],
        ),
        "key twice": (
            f"{WHOLE}{DEFAULT}",
            ["5:1: 'default' is defined twice in the table; keep one"],
        ),
    },
)
def test_faults_of_the_whole(text: str, sentences: list[str]) -> None:
    assert faults(text) == sentences


@cases(
    ("text", "sentences"),
    {
        "text": ("a.test", ["1:10: 'domains' must be a list"]),
        "empty": ("[]", ["1:10: 'domains' is an empty list; name at least one"]),
        "on": ("[a.test, on]", [f"1:19: {misread('a domain', 'on', 'a truth value')}"]),
        "list of lists": ("[[a]]", ["1:11: a domain must be text"]),
        **{
            text: (f"[{text!r}]", [f"1:11: {NO_DOMAIN}"])
            for text in (
                "https://api.test",
                "api.test:443",
                "api.test/x",
                "user@api.test",
                "café.test",
                "*",
                "*.",
                "*.*.test",
                "a.*.test",
                "api..test",
                ".test",
                "-a.test",
                "::1",
                "[::1]:80",
                "*.[::1]",
                "[1.2.3.4]",
                "x" * 64,
            )
        },
        "no address": (
            "['[::1::2]', '[12]']",
            [
                "1:11: domain '[::1::2]' is no IPv6 address; fix it",
                "1:23: domain '[12]' is no IPv6 address; fix it",
            ],
        ),
        "an address twice": (
            "['[::1]', '[0:0::1]']",
            ["1:20: domain '[0:0::1]' is defined twice; keep one"],
        ),
        "twice": ("[a.test, A.Test.]", ["1:19: domain 'A.Test.' is defined twice; keep one"]),
    },
)
def test_faults_of_domains(text: str, sentences: list[str]) -> None:
    assert faults(f"domains: {text}\n{HUBLETS}{RULES}{DEFAULT}") == sentences


@cases(
    ("text", "sentences"),
    {
        "no upstream": ("{}", ["2:16: Hublet 'eu1' has no 'upstream'; add it"]),
        "no mapping": (
            "https://eu1.test",
            ["2:16: Hublet 'eu1' must be a mapping of keys to values"],
        ),
        "a number": (
            "{upstream: 9}",
            [f"2:27: {misread("'upstream' of Hublet 'eu1'", '9', 'a number')}"],
        ),
        "empty": ("{upstream: ''}", ["2:27: 'upstream' of Hublet 'eu1' is empty; fill it in"]),
        "unknown key": (
            "{upstream: https://a.test, snl: b}",
            ["2:43: unknown key 'snl' in Hublet 'eu1'; did you mean 'sni'?"],
        ),
        "key twice": (
            "{upstream: https://a.test, upstream: https://b.test}",
            ["2:43: 'upstream' is defined twice in Hublet 'eu1'; keep one"],
        ),
        "sni is a truth value": (
            "{upstream: https://a.test, sni: no}",
            [f"2:48: {misread("'sni' of Hublet 'eu1'", 'no', 'a truth value')}"],
        ),
        **{
            f"http2 {written}": (
                f"{{upstream: https://a.test, http2: {written}}}",
                ["2:50: 'http2' of Hublet 'eu1' must be true or false"],
            )
            for written in ("no", '"false"', "1", "[false]")
        },
        **{
            f"sni {sni}": (f"{{upstream: https://a.test, sni: {sni!r}}}", [f"2:48: {NO_SNI}"])
            for sni in ("a b", "https://a.test", "a.test:443", "*.a.test", "é.test")
        },
        **{
            text: (f"{{upstream: {text!r}}}", [f"2:27: {NO_HOST}"])
            for text in (
                "https://eu1.test:0",
                "https://eu1.test:65536",
                "https://10.20.0",
                "https://10.20.0.256",
                "https://010.20.0.4",
                "https://0x0a140004",
                "https://10.20.0.0x",
                "https://eu1.1",
                "https://[::1]:0",
                "https://[:::1]",
                "https://[abc]",
                "https://[10.20.0.4]",
            )
        },
        **{
            text: (f"{{upstream: {text!r}}}", [f"2:27: {NO_UPSTREAM}"])
            for text in (
                "eu1.test",
                "eu1.test:443",
                "ftp://eu1.test",
                "HTTPS://eu1.test",
                "https:eu1.test",
                "https:///",
                "https://:8443",
                "https://",
                "https://eu1.test/",
                "https://eu1.test/api",
                "https://eu1.test?x",
                "https://eu1.test#x",
                "https://user@eu1.test",
                "https://user:secret@eu1.test",
                "https://eu1.test:",
                "https://eu1.test:999999",
                "https://eu1.test:https",
                "https://eu1.test:-1",
                "https://eu1.test.",
                "https://eu1..test",
                "https://-eu1.test",
                "https://eu1 .test",
                " https://eu1.test",
                "https://eu1.test\t",
                "https://*.test",
                "https://{hublet}.test",
                "https://café.test",
                "https://::1",
                "https://[::1",
                "https://[fe80::1%eth0]",
            )
        },
    },
)
def test_faults_of_one_hublet(text: str, sentences: list[str]) -> None:
    assert faults(hublets(text)) == sentences


@cases(
    ("text", "sentences"),
    {
        "none": ("{}", ["1:10: 'hublets' is empty; name at least one"]),
        "a list": ("[]", ["1:10: 'hublets' must be a mapping of keys to values"]),
        "twice": (
            '{na1: {upstream: "https://a.test"}, na1: {upstream: "https://b.test"}}',
            ["1:46: 'na1' is defined twice in 'hublets'; keep one"],
        ),
        **{
            name: (
                f'{{na1: {{upstream: "https://a.test"}}, {name}: {{upstream: "https://b.test"}}}}',
                [f"1:46: {misread("a key of 'hublets'", name, kind)}"],
            )
            for name, kind in (
                ("no", "a truth value"),
                ("on", "a truth value"),
                ("010", "a number"),
                ("null", "nothing"),
                ("2026-11-23", "a date"),
            )
        },
        "a name with a slash": (
            '{na1: {upstream: "https://a.test"}, eu/1: {upstream: "https://b.test"}}',
            [
                "1:46: a key of 'hublets' must be a letter or digit, then up to 62 letters, digits,"
                " '-', '_' or '.'"
            ],
        ),
        **{
            other: (
                f'{{na1: {{upstream: "https://a.test"}}, eu1: {other}}}',
                [
                    "1:51: Hublets 'na1' and 'eu1' have one address with different scheme, sni,"
                    " ca or http2; give each an address of its own, or both the same"
                ],
            )
            for other in (
                '{upstream: "https://a.test", sni: eu1.test}',
                '{upstream: "https://A.test:443", sni: upstream}',
                '{upstream: "http://a.test:443"}',
            )
        },
    },
)
def test_faults_of_hublets(text: str, sentences: list[str]) -> None:
    # A default that names 'na1' would be a second fault where the table has none.
    more = "policy: {legacy: refuse, anonymous: refuse}\n" if "na1" not in text else DEFAULT

    assert faults(f"hublets: {text}\n{DOMAINS}{RULES}{more}") == sentences


def aliased(first: str, second: str = "[eu]") -> str:
    return (
        f"hublets: {{na1: {{upstream: 'https://a.test', aliases: {first}}},"
        f" eu1: {{upstream: 'https://b.test', aliases: {second}}}}}\n{DOMAINS}{RULES}{DEFAULT}"
    )


def test_aliases() -> None:
    table = read(aliased("[us, 'US East (1)']"))

    assert table.aliases == {"us": "na1", "US East (1)": "na1", "eu": "eu1"}
    assert [table.hublet_named(name) for name in ("eu", "eu1", "EU", "")] == [
        "eu1",
        "eu1",
        None,
        None,
    ]


@cases(
    ("first", "sentences"),
    {
        "no list": ("us", ["1:54: 'aliases' of Hublet 'na1' must be a list"]),
        "a word of YAML": (
            "[no]",
            [f"1:55: {misread("'aliases' of Hublet 'na1'", 'no', 'a truth value')}"],
        ),
        "its own": ("[na1]", ["1:55: 'na1' is a name of Hublet 'na1'; keep one"]),
        "another's": ("[eu1]", ["1:55: 'eu1' is a name of Hublet 'eu1'; keep one"]),
        "twice": ("[us, us]", ["1:59: 'us' is a name of Hublet 'na1'; keep one"]),
        "of two": ("[eu]", ["1:105: 'eu' is a name of Hublet 'na1'; keep one"]),
    },
)
def test_faults_of_aliases(first: str, sentences: list[str]) -> None:
    assert faults(aliased(first)) == sentences


def test_a_ca_needs_https() -> None:
    assert faults(hublets("{upstream: http://eu1.test, ca: ca.pem}")) == [
        "2:48: 'ca' of Hublet 'eu1' needs an upstream of https; remove it"
    ]


def dangling(what: str, listed: str = "na1, eu1") -> str:
    return f"{what} names Hublet 'eu2', but 'hublets' lists {listed}; add it or fix the name"


MANY = ", ".join(f"h{n}: {{upstream: 'https://h{n}.test'}}" for n in range(12))


@cases(
    ("text", "sentences"),
    {
        "default": (f"{DOMAINS}{HUBLETS}{RULES}default: eu2\n", [f"4:10: {dangling('default')}"]),
        "only the first Hublets are listed": (
            f"{DOMAINS}hublets: {{{MANY}}}\n{RULES}default: eu2\n",
            [f"4:10: {dangling('default', 'h0, h1, h2, h3, h4, h5, h6, h7')}"],
        ),
        "default is a truth value": (
            f"{DOMAINS}{HUBLETS}{RULES}default: no\n",
            [f"4:10: {misread("'default'", 'no', 'a truth value')}"],
        ),
        "default is nothing": (
            f"{DOMAINS}{HUBLETS}{RULES}default:\n",
            ["4:9: 'default' is empty; fill it in"],
        ),
        "no default": (DOMAINS + HUBLETS + RULES, [f"1:1: {NO_DEFAULT}"]),
        "no default for anonymous": (
            f"{DOMAINS}{HUBLETS}{RULES}policy: {{legacy: refuse}}\n",
            [f"1:1: {NO_DEFAULT}"],
        ),
        "no default for unknown": (
            f"{DOMAINS}{HUBLETS}{RULES}"
            "policy: {legacy: refuse, anonymous: refuse, unknown: default}\n",
            [f"1:1: {NO_DEFAULT}"],
        ),
        "example": (
            example("{request: {url: https://api.test/}, hublet: eu2}"),
            [f"5:56: {dangling('an example')}"],
        ),
        # getsentry/synapse, haproxy #36: the target is misspelled, and nothing says so
        "one letter is missing": (
            f"{DOMAINS}hublets: {{be_example: {{upstream: 'https://a.test'}}}}\n{RULES}"
            "default: be_eample\n",
            [
                "4:10: default names Hublet 'be_eample', but 'hublets' lists be_example;"
                " add it or fix the name"
            ],
        ),
    },
)
def test_faults_of_names(text: str, sentences: list[str]) -> None:
    assert faults(text) == sentences


@cases(
    ("text", "sentences"),
    {
        "a list": ("[]", ["5:9: 'policy' must be a mapping of keys to values"]),
        "unknown key": (
            "{legcy: refuse}",
            ["5:10: unknown key 'legcy' in 'policy'; did you mean 'legacy'?"],
        ),
        "key twice": (
            "{legacy: refuse, legacy: default}",
            ["5:26: 'legacy' is defined twice in 'policy'; keep one"],
        ),
        **{
            key: (
                f"{{{key}: maybe}}",
                [f"5:{12 + len(key)}: '{key}' of 'policy' is 'maybe'; write {words}"],
            )
            for key, words in (
                ("legacy", "default or refuse"),
                ("anonymous", "default or refuse"),
                ("unknown", "refuse or default"),
                ("conflict", "refuse or first"),
                ("foreign", "refuse or pass"),
            )
        },
        "a truth value": (
            "{foreign: off}",
            [f"5:19: {misread("'foreign' of 'policy'", 'off', 'a truth value')}"],
        ),
    },
)
def test_faults_of_policy(text: str, sentences: list[str]) -> None:
    assert faults(f"{WHOLE}policy: {text}\n") == sentences


@cases(
    ("text", "sentences"),
    {
        "text": ("a", ["5:12: an example must be a mapping of keys to values"]),
        "nothing": ("{}", ["5:12: an example has no 'request'; add it", f"5:12: {EITHER}"]),
        "neither of two": ("{request: {url: https://api.test/}}", [f"5:12: {EITHER}"]),
        "both of two": (
            "{request: {url: https://api.test/}, hublet: eu1, refused: conflict}",
            [f"5:12: {EITHER}"],
        ),
        "unknown key": (
            "{request: {url: https://api.test/}, hublet: eu1, reason: x}",
            ["5:61: unknown key 'reason' in an example; known are request, hublet, refused"],
        ),
        "key twice": (
            "{request: {url: https://api.test/}, hublet: eu1, hublet: na1}",
            ["5:61: 'hublet' is defined twice in an example; keep one"],
        ),
        "no such reason": (
            "{request: {url: https://api.test/}, refused: unknown}",
            [
                "5:57: 'refused' of an example is 'unknown'; write unknown-hublet or conflict or"
                " unreadable or stray or foreign-host or too-large or legacy or anonymous"
            ],
        ),
        "request is text": (
            "{request: x, hublet: eu1}",
            ["5:22: a request must be a mapping of keys to values"],
        ),
        "no url": ("{request: {}, hublet: eu1}", ["5:22: a request has no 'url'; add it"]),
        "unknown key of the request": (
            "{request: {url: https://api.test/, header: x}, hublet: eu1}",
            ["5:47: unknown key 'header' in a request; did you mean 'headers'?"],
        ),
        "key of the request twice": (
            "{request: {url: https://api.test/, url: https://api.test/}, hublet: eu1}",
            ["5:47: 'url' is defined twice in a request; keep one"],
        ),
        "url is a number": (
            "{request: {url: 9}, hublet: eu1}",
            [f"5:28: {misread("'url' of a request", '9', 'a number')}"],
        ),
        **{
            url: (f"{{request: {{url: {url!r}}}, hublet: eu1}}", [f"5:28: {WHOLE_URL}"])
            for url in (
                "api.test/x",
                "/x",
                "//api.test/x",
                "ftp://api.test/x",
                "https:/api.test/x",
                "https:///x",
            )
        },
        "an address that does not end": (
            "{request: {url: 'http://[::1'}, hublet: eu1}",
            ["5:28: 'url' is not a whole URL; write it like https://api.hubapi.com/crm/v3"],
        ),
        "method": (
            "{request: {url: https://api.test/, method: on}, hublet: eu1}",
            [f"5:55: {misread("'method' of a request", 'on', 'a truth value')}"],
        ),
        "body": (
            "{request: {url: https://api.test/, body: {a: b}}, hublet: eu1}",
            ["5:53: 'body' of a request must be text"],
        ),
        "headers": (
            "{request: {url: https://api.test/, headers: [a]}, hublet: eu1}",
            ["5:56: 'headers' must be a mapping of keys to values"],
        ),
        "a header that is a number": (
            "{request: {url: https://api.test/, headers: {a: 1}}, hublet: eu1}",
            [f"5:60: {misread("header 'a'", '1', 'a number')}"],
        ),
        "a header without value": (
            "{request: {url: https://api.test/, headers: {a: []}}, hublet: eu1}",
            ["5:60: header 'a' is an empty list; name at least one"],
        ),
        "a header that is a mapping": (
            "{request: {url: https://api.test/, headers: {a: {b: c}}}, hublet: eu1}",
            ["5:60: header 'a' must be a list"],
        ),
        "a header twice": (
            "{request: {url: https://api.test/, headers: {a: b, a: c}}, hublet: eu1}",
            ["5:63: 'a' is defined twice in 'headers'; keep one"],
        ),
    },
)
def test_faults_of_examples(text: str, sentences: list[str]) -> None:
    assert faults(example(text)) == sentences


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("examples: {}", "5:11: 'examples' must be a list"),
        ("examples: []", "5:11: 'examples' is an empty list; name at least one"),
    ],
)
def test_examples_must_be_a_list_with_something_in_it(text: str, sentence: str) -> None:
    assert faults(f"{WHOLE}{text}\n") == [sentence]


def test_a_fault_of_a_hublet_does_not_make_its_name_unknown() -> None:
    text = (
        "hublets: {na1: {upstream: na1.test}, eu1: {upstream: 'https://eu1.test'}}\n"
        f"{DOMAINS}{RULES}{DEFAULT}"
        "examples: [{request: {url: https://api.test/}, hublet: na1}]\n"
    )

    assert faults(text) == [f"1:27: {NO_UPSTREAM.replace('eu1', 'na1')}"]


def test_a_pattern_that_can_take_long_is_reported_where_it_stands() -> None:
    text = """\
domains: [api.test]
hublets: {na1: {upstream: "https://na1.test"}}
default: na1
credentials:
  - name: key
    paths: "^/(?:[a-z]*)*$"
    in: {path: "^/(.*)-(?:.*)!"}
    hublet: {regex: "([a-z]+)-"}
"""
    assert [sentence[:80] for sentence in faults(text)] == [
        "6:12: 'paths' can take a very long time on hostile text: it repeats what can be ",
        "7:16: 'path' can take a very long time on hostile text: two repeats can share a ",
        "8:21: 'regex' can take a very long time on hostile text: it can start anywhere, ",
    ]


def test_one_run_reports_all_faults_in_the_order_of_the_file() -> None:
    text = """\
default: na2
examples:
  - request: {url: api.test}
    hublet: eu3
policy: {legacy: no}
credentials:
  - name: a b
    in: {form: code}
    hublet: {regex: "^a"}
  - name: token
    name: token
    in: {headr: x, query: k}
    hublet: {protobuf: 010}
hublets:
  na1: {upstream: "https://na1.test/"}
  010: {upstream: "https://eu1.test"}
  eu1: {upstream: "https://eu1.test"}
domains: [https://api.test]
colour: blue
"""
    assert [sentence.partition(": ")[0] for sentence in faults(text)] == [
        "1:10",
        "3:20",
        "4:13",
        "5:18",
        "7:11",
        "8:9",
        "9:21",
        "11:5",
        "12:10",
        "13:24",
        "15:19",
        "16:3",
        "18:11",
        "19:1",
    ]


def test_a_table_error_names_the_file() -> None:
    with pytest.raises(TableError) as caught:
        parse(b"a: b: c", name="/etc/hublets.yaml")

    assert str(caught.value).startswith("/etc/hublets.yaml:1:5: not YAML: ")
