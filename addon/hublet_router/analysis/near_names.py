"""Names that are not listed, but nearly: the first slip of whoever writes a table."""

from ..core.table import Table


def near_name(table: Table, name: str) -> str | None:
    """Return a sentence for a name that is a listed one in another case, or a longer form of it.

    Such as `EU` or `eu-central-1` for `eu`. It says only what the table itself has: the name may be
    anything at all.
    """
    if table.hublet_named(name):
        return None
    folded = name.lower()
    for known in sorted([*table.hublets, *table.aliases], key=len, reverse=True):
        begins, rest = folded.startswith(known.lower()), folded[len(known) : len(known) + 1]
        if not begins or (rest.isdigit() and known[-1].isdigit()):  # eu10 is no longer eu1
            continue
        what = "a longer form of" if rest else "another case of"
        hublet = table.hublet_named(known)
        fix = f"if it is the same, list it in 'aliases' of Hublet '{hublet}'"
        return f"a name is {what} '{known}'; {fix}"
    return None
