"""Samples: made-up credentials, and requests that hold one."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hublet_router.core.findings import MAX_CREDENTIAL
from hublet_router.core.lookup import Rule
from hublet_router.core.places import Cookie, Form, Header, Json, Path, Place, Query
from hublet_router.core.readers import Base64, Jwt, Protobuf, Reader, Regex
from hublet_router.explain.samples import candidates, paths, samples, standing, texts


@pytest.mark.parametrize(
    ("pattern", "first"),
    [
        ("^pat-([a-z]{2}[0-9]{1,3})-", "pat-aa0-"),
        ("(?:x|y)([^/]+)", "xa"),
        ("(?>ab)(.)", "aba"),
        ("(a)?b*?c", "c"),
        (r"([\n])", "\n"),
        ("([\u0430-\u044f])", ""),
        (r"^(a)\b$", "a"),
        ("(?i:K)(?-i:k)(a++)", "Kka"),
    ],
)
def test_the_first_text_is_plain(pattern: str, first: str) -> None:
    assert next(texts(re.compile(pattern))) == first


def test_texts_differ_in_each_way_that_a_pattern_leaves_open() -> None:
    found = [*texts(re.compile("^(?:x|y)([a-z]+)[0-9]?$"))]

    assert {text[0] for text in found} == {"x", "y"}
    assert {text[-1].isdigit() for text in found} == {True, False}
    assert len({len(text) for text in found}) > 3
    assert found == [*texts(re.compile("^(?:x|y)([a-z]+)[0-9]?$"))]


def test_a_group_is_filled_in() -> None:
    assert next(texts(re.compile("^pat-([a-z]+)-"), "eu1")) == "pat-eu1-"


def test_a_text_is_never_much_longer_than_what_is_read() -> None:
    for pattern in ("(a{1000000})", "(?:(?:ab{9999}){9999}){9999}(c)"):
        assert all(len(text) < 5 * MAX_CREDENTIAL for text in texts(re.compile(pattern)))


PIECES = ("a", "-", "[a-z]", "[^/]", r"\d{2}", "(?:x|yz|)", "[0-9]{1,3}", ".", r"\w+?", "(?i:k)")


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=5),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3),
    st.lists(st.sampled_from(PIECES), max_size=5),
)
def test_each_text_matches_its_pattern(
    before: list[str], group: list[str], after: list[str]
) -> None:
    pattern = re.compile(f"^{''.join(before)}({''.join(group)}){''.join(after)}$")
    assert all(pattern.search(text) for text in texts(pattern))


READERS: dict[str, Reader] = {
    "regex": Regex(re.compile("^pat-([a-z]{2}[0-9]{1,3})-")),
    "search": Regex(re.compile("-([a-z0-9]{3})$")),
    "protobuf": Protobuf(9),
    "first-field": Protobuf(1),
    "last-field": Protobuf((1 << 29) - 1),
    "jwt": Jwt("https://example.com/region"),
    "base64": Base64(re.compile("\\x01([a-z]{2}[0-9])")),
    "inside": Base64(re.compile("^.{16}c:([a-z0-9]+)$"), re.compile("^(?:x-)?([\\w-]{27,})[.]01$")),
}
PLACES: dict[str, Place] = {
    "header": Header("x-key"),
    "scheme": Header("authorization", "bearer"),
    "query": Query("key[a]"),
    "cookie": Cookie("sid"),
    "form": Form("token"),
    "json": Json("a.b"),
    "path": Path(re.compile("^/tokens/([^/]+)$")),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("name", ["eu1", None])
def test_each_sample_is_read_and_stands_in_its_place(
    reader: Reader, place: Place, name: str | None
) -> None:
    rule = Rule("it", (place,), reader, None if isinstance(place, Path) else re.compile("^/a/"))
    found = [*samples(reader, name)]

    assert len(found) >= 1
    if name:
        assert (name,) in map(reader.names, found)
    for text in found:
        request = standing(rule, place, text, "api.example.com")
        assert request
        assert request.host == "api.example.com"
        assert [*place.values(request)] == [text]
        assert reader.names(text)


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=200), st.sampled_from(["protobuf", "last-field", "jwt"]))
def test_any_name_can_be_put_into_a_message(name: str, reader: str) -> None:
    name = name.encode(errors="replace").decode()
    assert all(READERS[reader].names(text) == (name,) for text in samples(READERS[reader], name))


def test_protobuf_samples_stand_in_each_alignment_of_base64() -> None:
    assert {len(text) % 4 for text in samples(Protobuf(9), "eu1")} == {0, 2, 3}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("^/oauth/", "/oauth/"),
        ("oauth", "/oauth"),
        ("^.oauth", "/oauth"),
        ("^/a;b", None),
        ("^/a/\\?b", None),
        ("^/a%20b", None),
        ("^oauth", None),
        ("//", None),
    ],
)
def test_paths_as_a_request_has_them(pattern: str, found: str | None) -> None:
    assert next(iter(paths(re.compile(pattern))), None) == found


@pytest.mark.parametrize(
    ("place", "text", "stands"),
    [
        (Header("x"), "a\nb", False),
        (Header("x"), " a", False),
        (Header("x"), "\u0430", False),
        (Header("x"), "\xe9\t!", True),
        (Cookie("x"), "a;b", False),
        (Cookie("x"), '"a', False),
        (Cookie("a;b"), "a", False),
        (Query("x"), "a\n&=%\u0430", True),
        (Query("x"), "\ud800", False),
        (Form("x"), "a\n&=%\u0430", True),
        (Json("a.b"), '"\\\n\u0430', True),
        (Path(re.compile("^/([^/]+)")), "a?b c;d", True),
        (Path(re.compile("^/([^/]+)")), "a/b", False),
        (Path(re.compile("^/(.+)$")), "a/b", True),
        (Query("x"), "a" * MAX_CREDENTIAL, True),
        (Query("x"), "a" * (MAX_CREDENTIAL + 1), False),
    ],
)
def test_what_can_stand_where(place: Place, text: str, stands: bool) -> None:
    rule = Rule("it", (place,), Regex(re.compile("(.)")))
    assert (standing(rule, place, text, "a.example") is not None) == stands


def test_a_credential_of_the_path_and_the_paths_of_its_rule() -> None:
    place = Path(re.compile("^/[^/]+/([^/]+)"))
    rule = Rule("it", (place,), Regex(re.compile("(.)")), re.compile("^/oauth/"))
    request = standing(rule, place, "a", "a.example")
    assert request
    assert request.path == "/oauth/a"


def test_a_reader_that_is_not_known() -> None:
    class Other:
        def names(self, credential: str) -> tuple[str, ...]:
            return (credential,)

        def recognises(self, credential: str) -> bool:
            return True

    assert [*candidates(Other(), None)] == []
