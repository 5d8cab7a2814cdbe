"""A real SNMP agent on loopback: snmpsim, which answers v2c and v3 out of a table of objects."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COMMUNITY, USER, HASH_KEY, CIPHER_KEY = "public", "reader", "hash key of reader", "and his cipher"


class SmallSnmp:
    """`objects` are lines of OID, type and value as snmpsim reads them."""

    def __init__(self, folder: Path, objects: Sequence[str]) -> None:
        self.folder, self.port = folder, _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        data = folder / "data"
        data.mkdir(parents=True)
        (data / f"{COMMUNITY}.snmprec").write_text("\n".join(objects) + "\n")
        for name, secret in (("c", COMMUNITY), ("hash", HASH_KEY), ("cipher", CIPHER_KEY)):
            (folder / name).write_text(secret)

    def start(self) -> None:
        folder = self.folder
        arguments = {
            # It insists on being told, though it is to stay who it is.
            "process-user": pwd.getpwuid(os.geteuid()).pw_name,
            "process-group": grp.getgrgid(os.getegid()).gr_name,
            "data-dir": folder / "data",
            "cache-dir": folder / "cache",
            "agent-udpv4-endpoint": f"127.0.0.1:{self.port}",
            "v3-user": USER,
            "v3-auth-key": HASH_KEY,
            "v3-auth-proto": "SHA256",
            "v3-priv-key": CIPHER_KEY,
            "v3-priv-proto": "AES128",
        }
        told = [f"--{name}={value}" for name, value in arguments.items()]
        command = str(Path(sys.executable).with_name("snmpsim-command-responder"))
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen([command, *told], stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
