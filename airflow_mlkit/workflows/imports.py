"""What a file of Python imports, read from it without running it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path


def read_imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere, by their full names; none that is named relative to its package.

    Raises:
        SyntaxError: when it is no Python.
    """
    return _find_modules(ast.walk(_parse(path)))


def read_first_imports(path: Path) -> set[str]:
    """Those that it imports before it does anything else, such as setting a variable that one of them would read.

    Raises:
        SyntaxError: when it is no Python.
    """
    return _find_modules(takewhile(_does_nothing_else, _parse(path).body))


def _parse(path: Path) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an invalid escape: told when the file is imported
        return ast.parse(path.read_bytes(), filename=str(path))


def _does_nothing_else(statement: ast.AST) -> bool:
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, ast.Import | ast.ImportFrom)


def _find_modules(nodes: Iterable[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found
