"""The examples of the documentation run as they stand."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["how-to/python.md"])
def test_the_examples_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"^```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.M | re.S)
    assert len(examples) > 3
    names = {}
    for example in examples:
        exec(compile(example, page, "exec"), names)
