"""Goal: ./task test:compiled tests extension modules, never the sources by mistake."""

import os
from importlib.machinery import EXTENSION_SUFFIXES

import pytest
from hexi_scheduler.domain.packing import board, kernel
from hexi_scheduler.domain.place import site
from hexi_scheduler.domain.route import router

COMPILED = os.environ.get("HEXI_CORE") == "compiled"


@pytest.mark.parametrize("module", [board, site, router])
def test_the_hot_path_is_what_this_run_is_of(module: object) -> None:
    is_extension = str(getattr(module, "__file__", "")).endswith(tuple(EXTENSION_SUFFIXES))

    assert is_extension == COMPILED


def test_what_numba_compiles_stays_python() -> None:
    assert str(kernel.__file__).endswith(".py")
