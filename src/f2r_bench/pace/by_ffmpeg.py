"""One run of a filter of FFmpeg: NAME SETTING SOURCE OUTPUT."""

import sys
from pathlib import Path

from f2r_bench.compressed.filters import filter_file

if __name__ == "__main__":
    name, setting, source, output = sys.argv[1:]
    filter_file(Path(source), Path(output), name, setting)
