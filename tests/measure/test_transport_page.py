"""The examples of docs/transport.md give what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "transport.md"


def test_the_examples_of_the_page_run():
    if not PAGE.is_file():
        pytest.skip("the documentation is not beside these tests")
    done = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert done.attempted > 20
    assert done.failed == 0
