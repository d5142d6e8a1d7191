"""Run `python -m f2r_bench`."""

import sys

from f2r_bench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
