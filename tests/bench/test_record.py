"""Records of results name files without their folders."""

import json
from dataclasses import dataclass
from pathlib import Path

from f2r_bench.record import write_record


@dataclass(frozen=True)
class Options:
    """What a command was asked to do."""

    data: Path
    weights: tuple[str, ...]
    methods: str = "prior,f2r-fast"


def test_folders_stay_out_of_a_record(tmp_path: Path) -> None:
    options = Options(tmp_path / "clips", (f"dvdnet={tmp_path / 'spatial.pth'}",))
    write_record(tmp_path / "record.json", options, {})
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["options"] == {
        "data": "clips",
        "weights": ["dvdnet=spatial.pth"],
        "methods": "prior,f2r-fast",
    }
