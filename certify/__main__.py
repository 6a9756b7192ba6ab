"""`python -m certify`: the command line."""

import sys

from certify.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
