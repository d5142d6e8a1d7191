"""End of the demo: a before/after picture with the clean frame, and a short table."""

import json
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from f2r.io import Frame, open_reader
from f2r.pictures.before_after import write_before_after

OUT = Path("out")
CLIPS = ("street.mkv", "out/street_noisy.npy", "out/street_denoised.mkv")
SHOWN = 12
"""Number of the frame in the picture."""


def read_frame(path: str) -> Frame:
    """Read the frame of the picture."""
    with open_reader(path) as reader:
        return next(islice(reader, SHOWN, None))


def main() -> None:
    """Write the picture and print the table."""
    clean, noisy, denoised = map(read_frame, CLIPS)
    picture = OUT / "street_before_after.png"
    write_before_after(picture, noisy, denoised, clean)
    table = Table("street, sigma 30", "PSNR / dB", "SSIM", "warping error", "flicker")
    for name in ("noisy", "denoised"):
        mean = json.loads((OUT / f"street_{name}.figures.json").read_text())["mean"]
        figures = (f"{mean['psnr']:.2f}", f"{mean['ssim']:.3f}")
        table.add_row(name, *figures, f"{mean['warping_error']:.1e}", f"{mean['flicker']:.4f}")
    console = Console()
    console.print(table)
    for clip in ("street_denoised.mkv", "mitosis.tif"):
        seconds = json.loads((OUT / f"{clip}.json").read_text())["seconds"]["total"]
        console.print(f"demo/out/{clip}: {seconds:.0f} s")
    console.print(f"before/after: demo/{picture} and demo/out/mitosis.tif.png")


if __name__ == "__main__":
    main()
