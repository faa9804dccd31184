"""Where a name of old Keras lives in Keras 3."""

from portable_losses.codemod import tables


def moved(symbol: str) -> tuple[str, str]:
    """The new name, and a note; the name as it is where it has not moved, "" where it is gone."""
    known = tables.moved()
    parts = symbol.split(".")
    for end in range(len(parts), 1, -1):
        prefix = ".".join(parts[:end])
        if prefix in known:
            new, note = known[prefix]
            rest = parts[end:]
            if not new or new.startswith("="):
                return (new if not rest else ""), note
            again = ".".join([new, *rest])
            return moved(again) if again != symbol and rest else (again, note)
    return symbol, ""
