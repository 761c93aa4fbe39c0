"""A bundle: the files that an engine is given, made of nothing but the table and some options."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template

_TEMPLATES = Path(__file__).with_name("templates")

type Bundle = Mapping[str, bytes]
"""What each file holds, by its path in the bundle's folder."""


class ExportError(Exception):
    """What an engine cannot do with a table: a sentence a line, with what to do."""


def filled(template: str, **values: object) -> str:
    """Return a template of this package with a value for each name in it."""
    return Template(_TEMPLATES.joinpath(template).read_text("utf-8")).substitute(values)


def write(bundle: Bundle, folder: Path) -> None:
    """Write the files; what else stands in the folder stays. Raises OSError."""
    for name, content in bundle.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def differences(bundle: Bundle, folder: Path) -> Iterator[str]:
    """Yield a sentence for each file of a folder that is not as the table makes it."""
    for name, content in bundle.items():
        path = folder / name
        if not path.is_file():
            yield f"{path} is missing"
        elif path.read_bytes() != content:
            yield f"{path} is not what the table makes"
