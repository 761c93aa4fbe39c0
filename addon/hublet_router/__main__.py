"""The command `hublet-router`, also `python -m hublet_router`."""

import signal
import sys
import traceback
from typing import NoReturn

from hublet_router.requirements import missing

# Ctrl-C raises KeyboardInterrupt already. Windows has no SIGHUP.
_ENDS = {signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}


class _Signalled(SystemExit):
    """A signal that ends the process once its files, folders and processes are gone."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number


def _end(number: int, _frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
    raise _Signalled(number)


def main() -> None:
    """Run the command line, or say what is missing and exit with 2."""
    if sentences := missing():
        print(*sentences, sep="\n", file=sys.stderr)
        sys.exit(2)
    for number in _ENDS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    try:
        # only now is all there
        from hublet_router.cli.commands import command_line  # noqa: PLC0415

        sys.exit(command_line(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # a fault of ours: 1 would say that something was found
        traceback.print_tb(error.__traceback__)
        name = type(error).__name__  # its text can hold what was read
        print(f"{name}: a fault of hublet-router, at the place above", file=sys.stderr)
        sys.exit(2)
    except _Signalled as it:
        signal.raise_signal(it.number)


if __name__ == "__main__":
    main()
