"""`python -m f2r` is `f2r`."""

import sys

from f2r.cli.main import main

sys.exit(main())
