"""Has something read and checked by a process of its own, whose memory ends with it."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from hexi_kit.errors import HexiError

Read = TypeVar("Read")
WRONG = 2


def read_apart(read: Callable[[], Read]) -> Read:
    """What `read` returns; models in it are plain here, if no model was defined before.

    To be called while there is one thread. What `read` can not do because of its input ends this
    process as it ended that one: with its code, after it has said why.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    from_child, to_parent = os.pipe()
    child = os.fork()
    if not child:
        os.close(from_child)
        _tell(read, to_parent)
    os.close(to_parent)
    with os.fdopen(from_child, "rb") as told:
        # Written by this very program, and by nobody else.
        data = told.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not data:
        raise SystemExit(code)
    importlib.import_module("hexi_kit.plain")
    found: Read = pickle.loads(data)
    return found


def _tell(read: Callable[[], object], to_parent: int) -> None:
    """In the child; does not return."""
    code = 1
    try:
        found = read()
        with os.fdopen(to_parent, "wb") as told:
            _Pickler(told).dump(found)
        code = 0
    except (OSError, HexiError) as error:
        sys.stderr.write(f"{error}\n")
        code = WRONG
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - edge: the process ends here, whatever it is
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Nothing of the parent's is ours to clean up.
        os._exit(code)


class _Pickler(pickle.Pickler):
    """A model travels as its class and its values."""

    def reducer_override(self, found: object) -> Any:
        # Whoever read a model has loaded this; who read none needs none.
        model = sys.modules.get("hexi_kit.model")
        if model is not None and isinstance(found, model.BaseModel):
            return _made, (type(found), dict(found.__dict__))
        return NotImplemented


def _made(kind: Any, values: dict[str, Any]) -> object:
    return kind.model_construct(**values)
