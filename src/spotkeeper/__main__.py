"""``python -m spotkeeper`` is ``spot``."""

from spotkeeper.cli.app import main

if __name__ == "__main__":
    main()
