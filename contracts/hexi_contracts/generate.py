"""Makes everything that is generated: protobuf modules, typed topic constants, AsyncAPI."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from hexi_contracts import asyncapi, topic_render, topic_source

ROOT = Path(__file__).resolve().parents[2]
PROTO = ROOT / "proto"
CONTRACTS = ROOT / "contracts"
MARKERS = ("__init__.py", "py.typed")


def protoc(out: Path) -> None:
    """Compile every proto below `proto/` into `out`; gRPC stubs only for services."""
    files = sorted(PROTO.glob("hexi/**/*.proto"))
    services = [f for f in files if f.name.endswith("_service.proto")]
    base = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}"]
    plugins = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for outputs, sources in (
        ([f"--python_out={out}", f"--mypy_out={out}"], files),
        ([f"--grpc_python_out={out}", f"--mypy_grpc_out={out}"], services),
    ):
        subprocess.run(
            [*base, *outputs, *map(str, sources)], check=True, env=plugins, capture_output=True
        )
    (out / "hexi").mkdir(exist_ok=True)
    for marker in MARKERS:
        (out / "hexi" / marker).touch()


def generate(out: Path) -> None:
    """Write every generated file below `out`, laid out as `contracts/` is."""
    protoc(out)
    topics = topic_source.load(CONTRACTS / "topics")
    (out / "hexi_contracts").mkdir(exist_ok=True)
    (out / "hexi_contracts" / "topics.py").write_text(topic_render.render(topics, PROTO))
    (out / "asyncapi.yaml").write_text(asyncapi.render(topics))


def differences(made: Path) -> list[str]:
    """Generated files that are missing, different or left over in `contracts/`."""
    fresh = {p.relative_to(made) for p in made.rglob("*") if p.is_file()}
    kept = {p.relative_to(CONTRACTS) for p in (CONTRACTS / "hexi").rglob("*.py*")}
    kept = {p for p in kept if "__pycache__" not in p.parts}
    wrong = [
        str(p)
        for p in sorted(fresh)
        if not (CONTRACTS / p).exists() or (CONTRACTS / p).read_bytes() != (made / p).read_bytes()
    ]
    return wrong + [str(p) for p in sorted(kept - fresh)]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail on a difference")
    if not parser.parse_args(argv).check:
        generate(CONTRACTS)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        wrong = differences(Path(folder))
    if wrong:
        sys.stderr.write("generated files are stale: " + ", ".join(wrong) + "\nrun: ./task gen\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
