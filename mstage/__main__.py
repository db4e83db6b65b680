"""The way in from a shell: run a command, and end with one line and an exit code whatever happens.

Next to nothing is imported before the guards are up, so that Ctrl-C during the imports ends as politely as later.
"""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run `mstage` with some arguments, those of the process if None, and return its exit code."""
    try:
        from mstage.cli.interrupts import Interrupts

        with Interrupts():
            from mstage.cli.encodings import adapt_streams

            adapt_streams()
            from mstage.cli.app import run

            code = run(sys.argv[1:] if arguments is None else arguments)
            if sys.stdout is not None:
                sys.stdout.flush()  # here, where a full disk or a closed pipe can still be told
            return code
    except BaseException as error:  # the outermost frame: whatever arrives here becomes a line and an exit code
        from mstage.cli.failures import tell

        return tell(error)


if __name__ == "__main__":
    sys.exit(main())
