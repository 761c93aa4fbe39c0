"""Parameters of a query or an urlencoded body, as lenient servers read them."""

from .formats import unquote

type Parameters = dict[str, list[str]]
"""The values of each parameter as sent, by its name in the one spelling of `fold_name`."""


def fold_name(name: str) -> str:
    """Return one spelling of a parameter's name for all that some server takes for the same.

    Those are case, `_` for `-`, `.` or a blank, and what follows a NUL or a `[` (`code[]` is an
    array). A `[` that no `]` follows is another `_` to PHP.
    """
    whole = name.partition("\0")[0].strip().lower()
    plain, _, rest = whole.partition("[")
    if rest and "]" not in rest:
        plain = whole.replace("[", "_", 1)
    return plain.replace("-", "_").replace(".", "_").replace(" ", "_")


def decode_value(text: str) -> str:
    """Return the value of a parameter, decoded and without white space around it."""
    return unquote(text.replace("+", " ")).strip()


def parameters_of(text: str) -> Parameters:
    """Return the parameters of an urlencoded text, parted at `;` too as some servers do.

    The names are decoded at once, the values not at all. No name of a rule holds `&`: what decodes
    to it becomes U+0001, so that the names stay apart.
    """
    pairs = [pair.partition("=") for pair in text.replace(";", "&").split("&") if pair]
    names = "&".join([name for name, _, _ in pairs])
    if "%" in names or "+" in names:
        names = unquote(names.replace("+", " ").replace("%26", "%01"))
    found: Parameters = {}
    folded: dict[str, str] = {}
    for name, (_, _, value) in zip(names.split("&"), pairs, strict=bool(pairs)):
        key = folded.get(name)
        if key is None:
            key = folded[name] = fold_name(name)
        found.setdefault(key, []).append(value)
    return found
