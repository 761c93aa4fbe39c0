"""What a log says of a bug."""

from hublet_router.proxy.observe.failure import described


def inner() -> None:
    raise KeyError("pat-eu1-secret")


def test_a_bug_is_named_by_its_kind_and_place_and_not_by_its_text() -> None:
    try:
        inner()
    except KeyError as error:
        text = described(error)
    first = inner.__code__.co_firstlineno
    assert text.startswith(f"KeyError at test_failure.py:{first + 1} < test_failure.py:")
    assert "secret" not in text
