"""Where ``spot``, which is also ``python -m spotkeeper``, begins."""

import gc
from typing import NoReturn

#: How many objects more than before are made before Python looks for garbage in cycles.
MADE_BEFORE_A_LOOK = 200_000


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    # Modules are no garbage, nor are a hundred thousand prices, and to look through them takes
    # long: a tenth of the time that the imports need.
    gc.set_threshold(MADE_BEFORE_A_LOOK)
    from spotkeeper.cli import app

    app.main()


if __name__ == "__main__":
    main()
