"""`python -m eshi` and the `eshi` command."""

import sys


def main() -> None:
    from eshi.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
