"""What may be shown of a request that holds credentials."""

import re

import pytest

from hublet_router.analysis.shown import masked, shape
from hublet_router.core.places import Header, Path, Place, Query, Request
from synthetic import UUID, private_app_token


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/a?hapikey=secret&b=c", "/a?hapikey=***&b=c"),
        ("/a?hapi%6bey=secret&other=secret", "/a?hapi%6bey=***&other=***"),
        ("/a?hapikey", "/a?hapikey"),
        ("/tokens/secret/x?y", "/tokens/***/x?y"),
        ("//t%6fkens/secret?y", "/tokens/***?y"),
        ("/maybe/", "/maybe/"),
        ("/tokens/secret/to/secret", "/tokens/***/to/***"),
        ("/a", "/a"),
    ],
)
def test_law_4_credentials_of_the_url_are_masked(target: str, shown: str) -> None:
    places: list[Place] = [
        Query("hapikey"),
        Query("other"),
        Path(re.compile("^/tokens/([^/]+)")),
        Path(re.compile("/to/([^/]+)")),
        Path(re.compile("^/maybe/(x)?")),
        Header("x"),
    ]
    assert masked(Request("GET", ("api.hubapi.com",), target), places) == shown


@pytest.mark.parametrize(
    ("credential", "shown"),
    [
        (private_app_token("eu1"), "pat-…, 32 to 63 characters of a-z 0-9 -"),
        (UUID, "32 to 63 characters of 0-9 -"),
        ("a1b2c3d4-0000-4000-8000-000000000000", "32 to 63 characters of a-z 0-9 -"),
        ("fra:0000000000000000", "fra:…, 16 to 31 characters of a-z 0-9 :"),
        ("fra:hunter2", "8 to 15 characters of a-z 0-9 :"),
        ("demo", "4 to 7 characters of a-z"),
        ("Pass word/é", "8 to 15 characters of A-Z a-z / and others"),
        ("x", "1 character of a-z"),
    ],
)
def test_law_4_a_shape_is_no_secret(credential: str, shown: str) -> None:
    assert shape(credential) == shown
