"""Run the command line as ``python -m ilp_models``."""

import sys

from ilp_models.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
