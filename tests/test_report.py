import json
import math

import numpy as np
import pytest
import torch

from f2r.system.environment import environment, write_report


def test_writes_whole_json_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "clip.mp4.json"
    path.write_text("old")
    write_report(path, {"a": np.float32(0.5), "b": torch.tensor([1, 2]), "c": math.nan, "p": path})
    assert json.loads(path.read_text()) == {"a": 0.5, "b": [1, 2], "c": None, "p": str(path)}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_report_keeps_the_old_one(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        write_report(path, {"a": object()})
    assert path.read_text() == "old"


def test_environment_is_json_and_names_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = json.dumps(environment())
    assert str(tmp_path) not in text
    facts = json.loads(text)
    assert facts["libraries"]["torch"] == torch.__version__
    assert facts["peak_memory_mib"] > 20
