"""The layout of the package is that of its documentation, and its imports point down."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

import mnistcnn

ROOT = Path(__file__).parents[1]
PACKAGE = Path(mnistcnn.__file__).parent  # the built one, where that is what is tested
ARCHITECTURE = ROOT / "docs" / "architecture.md"
SAMPLE = """
The package:

```text
mnistcnn/
  __init__.py  the library's functions
  errors.py config.py  what is wrong, and the settings
  data/  labelled images
    sample/
      *.gz  a sample of MNIST
    sources.py
  py.typed
```

A tree of something else:

```text
docs/
  speed.md
```
"""


def documented_files(text: str) -> Iterator[str]:
    """Yield the path of each file, or the pattern of several, in the tree of `mnistcnn/` in a text.

    A line of the tree is indented by two spaces a level. The line names a folder, which ends in a slash, or files,
    parted by one space each; two or more spaces part the names from a description.
    """
    [tree] = re.findall(r"^```text\nmnistcnn/.*?\n(.*?)^```$", text, re.S | re.M)
    folders: list[str] = []
    for line in filter(str.strip, tree.splitlines()):
        names = re.split(r" {2,}", line.strip())[0]
        level = (len(line) - len(line.lstrip())) // 2
        del folders[level - 1 :]
        if names.endswith("/"):
            folders.append(names)
        else:
            yield from ("".join(folders) + name for name in names.split(" "))


def package_files() -> list[str]:
    """Return the path of each file of the package, as seen from its folder."""
    files = [path.relative_to(PACKAGE) for path in PACKAGE.rglob("*") if path.is_file()]
    return sorted(path.as_posix() for path in files if "__pycache__" not in path.parts)


def unmatched(files: Sequence[str], patterns: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the files that no pattern fits, and the patterns that fit no file."""
    return (
        [file for file in files if not any(fnmatchcase(file, pattern) for pattern in patterns)],
        [pattern for pattern in patterns if not any(fnmatchcase(file, pattern) for file in files)],
    )


def test_a_tree_is_read_as_paths() -> None:
    """Each name of a line has the folders above it, and what follows two spaces is not a name."""
    assert list(documented_files(SAMPLE)) == [
        "__init__.py",
        "errors.py",
        "config.py",
        "data/sample/*.gz",
        "data/sources.py",
        "py.typed",
    ]


def test_what_only_one_side_names_is_found() -> None:
    """A file that no line names and a line that names no file are both reported."""
    assert unmatched(["a.py", "data/b.gz"], ["data/*.gz", "c.py"]) == (["a.py"], ["c.py"])


@pytest.mark.skipif(not ARCHITECTURE.exists(), reason="docs/architecture.md is not in this copy")
def test_the_documented_tree_is_the_package() -> None:
    """Every file of the package is in docs/architecture.md, and every file named there is in the package."""
    documented = list(documented_files(ARCHITECTURE.read_text(encoding="utf-8")))
    assert unmatched(package_files(), documented) == ([], [])


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")))
def test_the_init_file_of_a_folder_is_one_sentence(folder: str) -> None:
    """`__init__.py` holds a docstring of one sentence and no code, so that a folder offers only its modules."""
    module = ast.parse((PACKAGE / folder / "__init__.py").read_text(encoding="utf-8"))
    assert len(module.body) == 1
    assert re.fullmatch(r"[A-Z][^.\n]*\.", ast.get_docstring(module) or "")


@pytest.mark.timeout(300)
def test_imports_point_down() -> None:
    """Every import keeps the contracts of pyproject.toml."""
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", program, "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
