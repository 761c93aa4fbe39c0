"""The command `hublet-router`, also `python -m hublet_router`."""

import sys

from hublet_router.requirements import missing


def main() -> None:
    """Run the command line, or say what is missing and exit with 2."""
    if sentences := missing():
        sys.exit("\n".join(sentences))
    try:
        # only now is all there
        from hublet_router.cli.commands import command_line  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(command_line(sys.argv[1:]))


if __name__ == "__main__":
    main()
