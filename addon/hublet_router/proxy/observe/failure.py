"""What a log may say of a bug: its kind and its place, and nothing that a client has sent."""

import traceback
from pathlib import Path


def described(error: Exception) -> str:
    """Return `KeyError at judge.py:12 < addon.py:7`: where it was raised, innermost first.

    Not the error's text, which can hold what the client sent.
    """
    frames = reversed(traceback.extract_tb(error.__traceback__))
    where = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {where}"
