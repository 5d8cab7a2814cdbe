"""The requests we make of a Kubernetes API, each with an end and few kinds of answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import aiohttp
from hexi_kit.errors import AlreadyExists, HexiError, NotFound, Unavailable
from kubernetes_asyncio import client, config

from hexi_agent.executors.cluster import Output
from hexi_agent.executors.job import refused
from hexi_agent.executors.kubernetes.follow import GONE, Outdated, Thing
from hexi_agent.executors.kubernetes.manifest import CONTAINER, KubernetesConfig

WATCH_S = 240
PAGE, PODS_MAX = 500, 100
SAID_CHARS_MAX = 400
OK_BELOW = 300
UNAUTHORIZED, NOT_FOUND, CONFLICT = 401, 404, 409
# The request is wrong, or the cluster's rules are against it: saying it again is no use.
REFUSALS = (400, 403, 413, 422)

Call = Callable[..., Awaitable[Any]]


class _Apis(NamedTuple):
    client: client.ApiClient
    batch: client.BatchV1Api
    core: client.CoreV1Api


class JobsApi:
    """Answers are plain JSON: of the client's models we would read three fields.

    What goes wrong is NotFound, AlreadyExists, InvalidArgument (never to be said again), Outdated,
    or else Unavailable.
    """

    def __init__(self, settings: KubernetesConfig) -> None:
        self._settings = settings
        self._kept: _Apis | None = None

    async def close(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            await kept.client.close()

    async def create(self, manifest: Thing) -> Thing:
        apis = await self._apis()
        return await self._json(apis.batch.create_namespaced_job, body=manifest)

    async def read(self, name: str) -> Thing:
        apis = await self._apis()
        return await self._json(apis.batch.read_namespaced_job, name=name)

    async def delete(self, name: str) -> None:
        """In the foreground: the Job is gone when its pods are."""
        call = (await self._apis()).batch.delete_namespaced_job
        await self._json(call, name=name, propagation_policy="Foreground")

    async def list_jobs(self, selector: str) -> tuple[list[Thing], str]:
        """Every Job, and the version of the cluster that the list speaks of."""
        call = (await self._apis()).batch.list_namespaced_job
        jobs: list[Thing] = []
        asked: dict[str, Any] = {"label_selector": selector, "limit": PAGE}
        while True:
            page = await self._json(call, **asked)
            jobs += page["items"]
            if not page["metadata"].get("continue"):
                return jobs, str(page["metadata"]["resourceVersion"])
            asked["_continue"] = page["metadata"]["continue"]

    async def list_pods(self, selector: str) -> list[Thing]:
        call = (await self._apis()).core.list_namespaced_pod
        found = await self._json(call, label_selector=selector, limit=PODS_MAX)
        pods: list[Thing] = found["items"]
        return pods

    async def watch_jobs(self, selector: str, version: str) -> AsyncIterator[bytes]:
        call = (await self._apis()).batch.list_namespaced_job
        more = {"label_selector": selector, "resource_version": version, "watch": True}
        more |= {"allow_watch_bookmarks": True, "timeout_seconds": WATCH_S}
        async for chunk in self._stream(call, WATCH_S + self._settings.timeout_s, **more):
            yield chunk

    async def log(self, pod: str, bytes_max: int) -> Output:
        """The API gives first bytes or last lines; the last bytes are ours to cut."""
        call = (await self._apis()).core.read_namespaced_pod_log
        kept, is_truncated = b"", False
        more = {"name": pod, "container": CONTAINER, "tail_lines": bytes_max + 1}
        async for chunk in self._stream(call, self._settings.timeout_s, **more):
            kept += chunk
            is_truncated = is_truncated or len(kept) > bytes_max
            kept = kept[-bytes_max:]
        return Output(kept, is_truncated)

    async def _json(self, call: Call, **more: Any) -> Thing:
        chunks = [chunk async for chunk in self._stream(call, self._settings.timeout_s, **more)]
        return _read(b"".join(chunks))

    async def _stream(self, call: Call, timeout_s: int, **more: Any) -> AsyncIterator[bytes]:
        more |= {"namespace": self._settings.namespace}
        more |= {"_preload_content": False, "_request_timeout": timeout_s}
        try:
            response: aiohttp.ClientResponse = await call(**more)
            async with response:
                if response.status >= OK_BELOW:
                    raise await self._error(response)
                async for chunk in response.content.iter_any():
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unavailable(f"kubernetes: {error!r}"[:SAID_CHARS_MAX]) from error

    async def _error(self, response: aiohttp.ClientResponse) -> HexiError:
        status = response.status
        said = f"{status} {(await response.text())[:SAID_CHARS_MAX]}"
        if status == UNAUTHORIZED:
            # Credentials are renewed on disk: the next request reads them again.
            await self.close()
        if status == NOT_FOUND:
            return NotFound("kubernetes", said)
        if status == CONFLICT:
            return AlreadyExists("kubernetes", said)
        if status == GONE:
            return Outdated(said)
        return refused("kubernetes", said) if status in REFUSALS else Unavailable(said)

    async def _apis(self) -> _Apis:
        if self._kept is None:
            kept = client.Configuration()
            path, context = self._settings.kubeconfig, self._settings.context
            try:
                if path is None:
                    config.load_incluster_config(kept)  # type: ignore[no-untyped-call]  # not ours
                else:
                    await config.load_kube_config(str(path), context, kept)
            except (config.ConfigException, OSError) as error:
                raise Unavailable(f"kubernetes: {error}") from error
            made = client.ApiClient(kept)
            self._kept = _Apis(made, client.BatchV1Api(made), client.CoreV1Api(made))
        return self._kept


def _read(body: bytes) -> Thing:
    try:
        answer: Thing = json.loads(body)
    except ValueError as error:
        raise Unavailable(f"kubernetes: expected JSON, was {body[:80]!r}") from error
    return answer
