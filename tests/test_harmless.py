"""What is known to be harmless, and may be shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublet_router.analysis.harmless import is_harmless, known_words, shows_value
from hublet_router.tablefile import load


@pytest.mark.parametrize(
    "text",
    [
        "", "-_./", "true", "Content-Type", "lastModifiedDate", "HTTP/1.1", "text/html", "utf-8",
        "application/json", "x-hubspot-signature-v3", "oauth2", "v3", "2026-09", "2026-09-01",
        "1994", "100", "q=0.9", "Mozilla/5.0", "AppleWebKit/537.36", "python-requests/2.31.0",
        "hubspot-api-client-nodejs", "authorization_code", "refresh_token", "X11",
    ],
)  # fmt: skip
def test_known_words_versions_dates_and_small_numbers_are_harmless(text: str) -> None:
    assert is_harmless(text)


@pytest.mark.parametrize(
    "text",
    [
        "opensesame", "hunter2", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "12345", "1234-5678",
        "0d5e1c9e", "aBcDeFgHiJ", "key7f3a9", "passw0rd", "é", "café", "\xff", "10.20.30.40.50",
        "2026-13-99", "203.0.113.77", "555-123-4567", "v1-v2-v3-v4-v5",
    ],
)  # fmt: skip
def test_anything_else_is_not(text: str) -> None:
    assert not is_harmless(text)


def test_a_caller_has_more_words() -> None:
    assert not is_harmless("portalId-zz9")
    assert is_harmless("portalId-zz9", {"portalid", "portal", "zz"})


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=20, max_size=40))
def test_no_random_text_of_letters_and_digits_is_harmless(text: str) -> None:
    assert not is_harmless(text)


@pytest.mark.parametrize("name", ["limit", "grant_type", "sortDirection", "page[offset]"])
def test_names_of_which_the_value_may_be_shown(name: str) -> None:
    assert shows_value(name)


@pytest.mark.parametrize("name", ["", "_", "value", "pin", "password", "v", "state", "limit7", "é"])
def test_names_of_which_the_value_stays_hidden(name: str) -> None:
    assert not shows_value(name)


def test_words_of_a_table_are_its_names_hosts_and_patterns() -> None:
    table = load(Path(__file__).parents[1] / "hublets.yaml")
    words = known_words(table)
    assert {"eu1", "api.hubapi.com", "hapikey", "bearer", "submissions"} <= words
    assert known_words(table) is words
