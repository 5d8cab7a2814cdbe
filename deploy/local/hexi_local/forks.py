"""Imported before gRPC, which reads this once: a child that is about to exec needs none of it.

With it on, gRPC starts its threads anew in a child that was forked during a call; the child closes
their descriptors on its way to exec, and dies of that before it is what it should be.
"""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
