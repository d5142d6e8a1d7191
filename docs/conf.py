"""Sphinx configuration: MyST pages, the furo theme, and two generators in `_ext`."""

import sys
from pathlib import Path

import f2r

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

project = "Frames2Residual"
author = "The F2R authors"
release = version = f2r.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated", "house"]
exclude_patterns = ["_build", "_ext"]
myst_heading_anchors = 3
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = f"Frames2Residual {release}"
html_copy_source = False
html_show_sphinx = False
