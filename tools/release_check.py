"""Check a release as its users meet it: build, install in fresh environments, run, test.

`make release-check` calls it. It leaves sdist and wheel in `dist/`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST, WORK = ROOT / "dist", ROOT / "build" / "release"
BIN = "Scripts" if os.name == "nt" else "bin"
NOT_IN_SDIST = (".ci/", ".github/")
CUT = """
import sys
from itertools import islice

import numpy as np

from f2r.io import open_reader

with open_reader(sys.argv[1]) as reader:
    np.save(sys.argv[2], np.stack(list(islice(reader, 8))))
"""  # the first frames of the demo clip
GAIN_DB = 3.0  # least gain on the demo clip at sigma 30; about 9 dB are usual


def main() -> None:
    """Check everything; the first failure ends the run."""
    args = parse_arguments()
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    version = check_version(args.tag)
    say(f"build {version}")
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    (sdist,), (wheel,) = DIST.glob("*.tar.gz"), DIST.glob("*.whl")
    run(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    check_wheel(wheel)
    check_sdist(sdist)
    for number, python in enumerate([sys.executable, *others(args.pythons)]):
        for package in (wheel, sdist):
            check_installation(python, package, version, args.torch)
            if package is sdist and number == 0:
                run_tests(sdist, args.tests)
            shutil.rmtree(WORK / "env")
    say(f"{version} is ready: {sdist.name}, {wheel.name}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", default="torch", help="requirement for torch")
    parser.add_argument("--tag", default="", help="tag of the release: must be v and the version")
    parser.add_argument("--pythons", default="", help="more interpreters, where they are at hand")
    parser.add_argument("--tests", default="not slow", help="marker expression; empty: all tests")
    return parser.parse_args()


def say(text: str) -> None:
    """Print a heading."""
    print(f"== {text}", flush=True)


def run(*command: str | Path, cwd: Path = WORK) -> str:
    """Run a command away from the sources, so that only what is installed is imported."""
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nfailed ({done.returncode}): {' '.join(words)}")
    return done.stdout


def check_version(tag: str) -> str:
    """Give the version; `__init__.py` is its home, CITATION.cff and the tag have to agree."""
    line = next(
        line
        for line in (ROOT / "src/f2r/__init__.py").read_text().splitlines()
        if line.startswith("__version__")
    )
    version = line.split('"')[1]
    if f"\nversion: {version}\n" not in (ROOT / "CITATION.cff").read_text():
        sys.exit(f"CITATION.cff does not say version {version}")
    if tag and tag != f"v{version}":
        sys.exit(f"the tag is {tag}, the version {version}")
    return version


def check_wheel(wheel: Path) -> None:
    """Both packages are in the wheel, with all weights, and nothing else."""
    packages = ("f2r", "f2r_bench")
    expected = {
        path.relative_to(ROOT / "src").as_posix()
        for package in packages
        for path in (ROOT / "src" / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    compare("wheel", expected, found)
    weights = sum(name.endswith(".safetensors") for name in found)
    say(f"wheel: {len(found)} files, {weights} of them weights")


def check_sdist(sdist: Path) -> None:
    """The sdist is what git keeps."""
    with tarfile.open(sdist) as archive:
        found = {member.name.split("/", 1)[1] for member in archive if member.isfile()}
    say(f"sdist: {len(found)} files")
    if not (ROOT / ".git").exists():
        return
    listed = run("git", "ls-files", "-z", cwd=ROOT).split("\0")
    expected = {name for name in listed if name and not name.startswith(NOT_IN_SDIST)}
    compare("sdist", expected, found - {"PKG-INFO"})


def compare(kind: str, expected: set[str], found: set[str]) -> None:
    """End the run where two lists of files differ."""
    if expected != found:
        missing, unasked = sorted(expected - found), sorted(found - expected)
        sys.exit(f"{kind}: missing {missing}, should not be there {unasked}")


def others(names: str) -> list[str]:
    """Of the interpreters named, those that run here and are not the running one."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    found = []
    for name in names.split():
        path = shutil.which(name)
        answer = (
            subprocess.run([path or name, "-c", code], capture_output=True, text=True, check=False)
            if path
            else None
        )
        if answer is None or answer.returncode:
            say(f"{name} is not at hand")
        elif answer.stdout.split() != [str(part) for part in sys.version_info[:2]]:
            found.append(str(path))
    return found


def check_installation(python: str, package: Path, version: str, torch: str) -> None:
    """Install one package in a fresh environment, and denoise the demo clip with it."""
    say(f"{package.name} with {Path(python).name}")
    run(python, "-m", "venv", WORK / "env")
    inside = WORK / "env" / BIN
    pip: list[str | Path] = [inside / "python", "-m", "pip", "install", "--quiet"]
    run(*pip, torch)
    run(*pip, package)
    run(inside / "python", "-m", "pip", "check")
    if version not in run(inside / "f2r", "info"):
        sys.exit(f"f2r info does not name version {version}")
    run(inside / "f2r-bench", "--help")
    clean, noisy, out = (WORK / name for name in ("clean.npy", "noisy.npy", "out.mkv"))
    run(inside / "python", "-c", CUT, ROOT / "demo" / "street.mkv", clean)
    drawn = ["--sigma", "30", "--seed", "0", "--overwrite"]
    run(inside / "f2r", "simulate", clean, "-o", noisy, *drawn)
    run(inside / "f2r", "denoise", noisy, "-o", out, "--preset", "fast", "--overwrite")
    before, after = (psnr(inside, clean, other) for other in (noisy, out))
    say(f"demo clip: {before:.2f} dB noisy, {after:.2f} dB denoised")
    if after < before + GAIN_DB:
        sys.exit("the demo clip is not denoised")


def psnr(inside: Path, clean: Path, other: Path) -> float:
    """PSNR of a clip against the clean one, averaged over frames."""
    figures = WORK / "figures.json"
    run(inside / "f2r", "evaluate", clean, other, "--json", figures, "--overwrite")
    return float(json.loads(figures.read_text())["mean"]["psnr"])


def run_tests(sdist: Path, marker: str) -> None:
    """Run the tests of the unpacked sdist on the installed package."""
    say("tests of the sdist")
    python = WORK / "env" / BIN / "python"
    with tarfile.open(sdist) as archive:
        archive.extractall(WORK, filter="data")
    folder = WORK / sdist.name.removesuffix(".tar.gz")
    run(python, "-m", "pip", "install", "--quiet", f"{sdist}[dev]")
    # The doctests of `src` are left out: they would import the sources, not what is installed.
    print(run(python, "-m", "pytest", "tests", "-m", marker, cwd=folder), flush=True)


if __name__ == "__main__":
    main()
