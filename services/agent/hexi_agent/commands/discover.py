"""`hexi-agent discover`: what stands here by what sources say, what differs, and publishing it."""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import asdict
from typing import Any, cast

import grpc
from hexi.inventory.v1 import inventory_service_pb2 as pb
from hexi.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, NotFound, Unavailable, Violation
from hexi_kit.identity import Identity
from hexi_kit.ids import seeded
from hexi_kit.rpc.channel import open_channel
from hexi_kit.rpc.status import from_rpc_error
from hexi_kit.settings import load

from hexi_agent.backoff import Backoff
from hexi_agent.commands.listen import listen, look_s
from hexi_agent.commands.output import say, say_json, table
from hexi_agent.config import AgentConfig, read_config
from hexi_agent.discovery.census import Census
from hexi_agent.discovery.changes import Change, Proposal, compare, propose
from hexi_agent.gather import make_sources
from hexi_agent.hosts import Host, names_of, read_hosts, server_set_of_hosts, write_hosts
from hexi_agent.mapping.rules import read_mappings
from hexi_agent.mapping.subjects import Subjects
from hexi_agent.register import Register
from hexi_agent.settings import AgentSettings, config_files

COLUMNS = ("change", "server", "field", "before", "now")


def run(chosen: argparse.Namespace) -> int:
    """0 where nothing differs, 1 where something does and was not published."""
    config = read_config(config_files(chosen.config)[0])
    if config.hosts is None or not config.sources:
        raise InvalidArgument([Violation("sources", "expected sources, and a table of hosts")])
    hosts = read_hosts(config.hosts) if config.hosts.exists() else []
    proposal = asyncio.run(_look(chosen, config, hosts))
    if chosen.write and proposal.hosts:
        write_hosts(config.hosts, proposal.hosts)
    against = hosts if not chosen.write else proposal.hosts
    published = asyncio.run(_published(chosen, config, against))
    if chosen.json:
        say_json({"table": _plain(proposal.changes), **published})
    else:
        table("against the table", COLUMNS, proposal.changes)
        _say_published(published)
    differs = bool(proposal.changes) and not chosen.write
    return 1 if differs or published["changes"] else 0


async def _look(chosen: argparse.Namespace, config: AgentConfig, hosts: list[Host]) -> Proposal:
    mappings = read_mappings(config.mappings.files, config.mappings.shipped)
    census = Census(mappings, Subjects(names_of(hosts), config.subjects))
    sources = make_sources(config, SystemClock())
    await listen(sources, census.take, chosen.seconds or look_s(config))
    like = next((asdict(host) for host in hosts if host.name == chosen.like), None)
    if chosen.like and like is None:
        raise InvalidArgument([Violation("like", f"no row of the table is named {chosen.like}")])
    defaults = like or {}
    if chosen.rack:
        defaults["rack"] = chosen.rack
    return propose(hosts, census.servers(), defaults, chosen.drop_silent)


async def _published(
    chosen: argparse.Namespace, config: AgentConfig, hosts: list[Host]
) -> dict[str, Any]:
    """How the table differs from what the inventory has; with --publish it has it afterwards."""
    if chosen.offline or not hosts:
        return {"revision": None, "changes": []}
    settings = load(AgentSettings, [])
    identity = Identity.load(settings.pki, config.identity)
    channel = open_channel(settings.inventory_address, identity)
    stub = cast(Any, InventoryServiceStub(channel))
    try:
        wanted = server_set_of_hosts(config.site_id, hosts)
        found = await _get(stub, config.site_id)
        revision, found.revision = found.revision, 0
        changes = compare(found, wanted)
        if changes and chosen.publish:
            config.state_dir.mkdir(parents=True, exist_ok=True)
            backoff = Backoff(SystemClock(), seeded(0), 0.5, 5.0)
            register = Register(wanted, config.state_dir, backoff)
            try:
                async with asyncio.timeout(chosen.timeout):
                    await register.publish(stub.PublishServerSet)
            except TimeoutError as error:
                raise Unavailable(f"not published in {chosen.timeout:g} s") from error
            return {"revision": revision, "published": register.revision, "changes": []}
        return {"revision": revision, "changes": _plain(changes)}
    finally:
        await channel.close(None)


async def _get(stub: Any, site_id: str) -> Any:
    try:
        request = pb.GetServerSetRequest(site_id=site_id)
        return (await stub.GetServerSet(request, timeout=10.0)).server_set
    except grpc.aio.AioRpcError as problem:
        error = from_rpc_error(problem)
        if isinstance(error, NotFound):
            return pb.GetServerSetResponse().server_set
        raise error from problem


def _plain(changes: list[Change]) -> list[dict[str, str]]:
    return [
        {"change": one.kind, "server": one.server, "field": one.field, "before": one.before,
         "now": one.now}
        for one in changes
    ]  # fmt: skip


def _say_published(published: dict[str, Any]) -> None:
    if published["revision"] is None:
        return
    rows = [list(row.values()) for row in published["changes"]]
    table("against the published revision", COLUMNS, rows)
    say(f"  revision {published['revision']}")
    if "published" in published:
        say(f"  published as revision {published['published']}")
