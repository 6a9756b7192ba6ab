"""`python -m certify.check CERT`: the checker without the rest of `certify`."""

import sys

from certify.check.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
