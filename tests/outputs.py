"""What tests of outputs share: commands, a folder of the user's, and what lies in it."""

from f2r.cli.main import main

FAST = ["--sigma", "20", "--preset", "fast", "--strength", "0"]
OUTPUTS = ["result", "out.mkv", "out.tif", "out.npy"]
LETTER = b"Dear F2R, I am not yours."


def denoise(clip, output, *options):
    return main(["denoise", str(clip), "-o", str(output), *FAST, *options])


def simulate(clip, output, *options):
    return main(["simulate", str(clip), "-o", str(output), "--sigma", "20", *options])


def put(path, is_folder=False):
    """Write a letter of the user's, or a folder that holds one."""
    if is_folder:
        path.mkdir()
        path /= "letter.txt"
    path.write_bytes(LETTER)


def content(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def assert_one_line(capsys, words):
    said = [x for x in capsys.readouterr().err.splitlines() if x.startswith("f2r: ")]
    assert len(said) == 1
    assert words in said[0]
