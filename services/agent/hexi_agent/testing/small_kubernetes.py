"""Not Kubernetes: answers the requests of our executor as its API documents them, and no other.

Pods are processes of this machine. Whatever it is asked that it does not know is kept in `unknown`
and answered with 501, so that a test can say that nothing else was asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any, cast

import yaml
from aiohttp import web
from kubernetes_asyncio import client
from kubernetes_asyncio.client.rest import RESTResponse

from hexi_agent.testing.small_pods import Pod, event_line, failure, select

Thing = dict[str, Any]
JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"
LIST_QUERY = {"labelSelector", "limit", "continue"}
WATCH_QUERY = {"labelSelector", "resourceVersion", "allowWatchBookmarks", "timeoutSeconds", "watch"}
FIRST_VERSION = 100


class SmallKubernetes:
    """One namespace with Jobs and their pods; `compact` and `fail` make its bad days."""

    def __init__(self) -> None:
        self.unknown: list[str] = []
        self.created = 0
        self._jobs: dict[str, Thing] = {}
        self._pods: dict[str, list[Pod]] = {}
        self._events: list[tuple[int, str, Thing]] = []
        self._version = self._oldest = FIRST_VERSION
        self._changed = asyncio.Event()
        self._failures: list[int] = []
        self._watches: set[web.StreamResponse] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        self._client = client.ApiClient(client.Configuration())
        app = web.Application(middlewares=[self._guard])
        app.router.add_post(JOBS, self._create)
        app.router.add_get(JOBS, self._list_jobs)
        app.router.add_get(JOBS + "/{name}", self._read)
        app.router.add_delete(JOBS + "/{name}", self._delete)
        app.router.add_get(PODS, self._list_pods)
        app.router.add_get(PODS + "/{name}/log", self._log)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = "http://{}:{}".format(*self._runner.addresses[0])

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        for pod in self.pods():
            await pod.end()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        await self._client.close()

    @property
    def kubeconfig(self) -> str:
        name = {"name": "small"}
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "small",
                "clusters": [name | {"cluster": {"server": self.address}}],
                "users": [name | {"user": {"token": "t"}}],
                "contexts": [name | {"context": {"cluster": "small", "user": "small"}}],
            }
        )

    def pods(self) -> list[Pod]:
        return [pod for pods in self._pods.values() for pod in pods]

    def manifests(self) -> list[Thing]:
        return list(self._jobs.values())

    def fail(self, *statuses: int) -> None:
        """Answer the next requests with these."""
        self._failures += statuses

    def compact(self) -> None:
        """Forget the history: whoever watches from before must list again."""
        self._oldest = self._version = self._version + 1
        self._events.clear()
        self._changed.set()

    def cut(self) -> None:
        """End every watch, as a proxy does that has had enough."""
        for response in self._watches:
            response.force_close()

    def occupy(self, name: str) -> None:
        """A stranger makes a Job of this name."""
        self._pods[name] = []
        self._put("ADDED", {"metadata": {"name": name, "labels": {}}, "spec": {}})

    def vanish(self, name: str) -> None:
        """Somebody else deletes a Job."""
        self._removed(name)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
        if self._failures:
            status = self._failures.pop(0)
            return web.json_response(failure(status, "as told"), status=status)
        try:
            answer: web.StreamResponse = await handler(request)
        except web.HTTPException:
            return self._refuse(request, "no such path or method")
        return answer

    def _refuse(self, request: web.Request, why: str) -> web.Response:
        self.unknown.append(f"{request.method} {request.path_qs}: {why}")
        return web.json_response(failure(501, why), status=501)

    async def _create(self, request: web.Request) -> web.Response:
        body = await request.json()
        why = self._misfit(body)
        if why or request.query_string:
            return self._refuse(request, why or "query")
        name = body["metadata"]["name"]
        if name in self._jobs:
            return web.json_response(failure(409, "AlreadyExists"), status=409)
        self.created += 1
        job = body | {"status": {}}
        job["metadata"] |= {"namespace": "default", "uid": f"uid-{self.created}"}
        self._put("ADDED", job)
        self._pods[name] = [Pod(job, index) for index in range(job["spec"]["completions"])]
        self._spawn(self._run(job))
        return web.json_response(job, status=201)

    async def _list_jobs(self, request: web.Request) -> web.StreamResponse:
        if "watch" in request.query:
            return await self._watch(request)
        if set(request.query) - LIST_QUERY:
            return self._refuse(request, "query")
        chosen = select(self._jobs.values(), request.query.get("labelSelector", ""))
        start, size = int(request.query.get("continue", 0)), int(request.query.get("limit", 500))
        metadata: Thing = {"resourceVersion": str(self._version)}
        if start + size < len(chosen):
            metadata["continue"] = str(start + size)
        return web.json_response(
            {"kind": "JobList", "metadata": metadata, "items": chosen[start : start + size]}
        )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        if set(request.query) - WATCH_QUERY:
            return self._refuse(request, "query")
        since = int(request.query["resourceVersion"])
        response = web.StreamResponse()
        await response.prepare(request)
        self._watches.add(response)
        try:
            while since >= self._oldest:
                fresh = [event for event in self._events if event[0] > since]
                for version, kind, job in fresh:
                    since = version
                    if select([job], request.query["labelSelector"]):
                        await response.write(event_line(kind, job))
                if not fresh:
                    self._changed.clear()
                    await self._changed.wait()
            await response.write(event_line("ERROR", failure(410, "Expired")))
        finally:
            self._watches.discard(response)
        return response

    async def _read(self, request: web.Request) -> web.Response:
        job = self._jobs.get(request.match_info["name"])
        if job is None:
            return web.json_response(failure(404, "NotFound"), status=404)
        return web.json_response(job)

    async def _delete(self, request: web.Request) -> web.Response:
        if dict(request.query) != {"propagationPolicy": "Foreground"}:
            return self._refuse(request, "query")
        name = request.match_info["name"]
        job = self._jobs.get(name)
        if job is None:
            return web.json_response(failure(404, "NotFound"), status=404)
        if "deletionTimestamp" not in job["metadata"]:
            job["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z"
            self._put("MODIFIED", job)
            self._spawn(self._remove(name))
        return web.json_response(job)

    async def _list_pods(self, request: web.Request) -> web.Response:
        if set(request.query) - LIST_QUERY:
            return self._refuse(request, "query")
        pods = [pod.thing for pod in self.pods()]
        chosen = select(pods, request.query.get("labelSelector", ""))
        return web.json_response({"kind": "PodList", "metadata": {}, "items": chosen})

    async def _log(self, request: web.Request) -> web.Response:
        if set(request.query) != {"container", "tailLines"}:
            return self._refuse(request, "query")
        for pod in self.pods():
            if pod.name == request.match_info["name"]:
                lines = pod.output.splitlines(keepends=True)[-int(request.query["tailLines"]) :]
                return web.Response(body=b"".join(lines))
        return web.json_response(failure(404, "NotFound"), status=404)

    async def _run(self, job: Thing) -> None:
        """The Job controller and the kubelet: all pods at once, the first failure ends all."""
        name, status = job["metadata"]["name"], job["status"]
        pods = self._pods[name]
        await asyncio.gather(*(pod.start() for pod in pods))
        running = sum(not pod.is_pending for pod in pods)
        status |= {"active": len(pods), "ready": running}
        self._put("MODIFIED", job)
        if running:
            failed = 0
            for first in asyncio.as_completed([pod.ended() for pod in pods]):
                if await first:
                    failed += 1
                    for pod in pods:
                        pod.terminate()
            self._finish(job, "failed" if failed else "succeeded", failed or len(pods))

    def _finish(self, job: Thing, outcome: str, count: int) -> None:
        if "deletionTimestamp" in job["metadata"]:
            return
        kind = "Failed" if outcome == "failed" else "Complete"
        condition = {"type": kind, "status": "True"}
        if kind == "Failed":
            condition["reason"] = "BackoffLimitExceeded"
        job["status"] |= {"active": 0, "ready": 0, outcome: count, "conditions": [condition]}
        self._put("MODIFIED", job)

    async def _remove(self, name: str) -> None:
        await asyncio.gather(*(pod.end() for pod in self._pods[name]))
        self._removed(name)

    def _removed(self, name: str) -> None:
        job = self._jobs.pop(name, None)
        self._pods.pop(name, None)
        if job is not None:
            self._put("DELETED", job)

    def _put(self, kind: str, job: Thing) -> None:
        self._version += 1
        job["metadata"]["resourceVersion"] = str(self._version)
        if kind != "DELETED":
            self._jobs[job["metadata"]["name"]] = job
        copy: Thing = json.loads(json.dumps(job))
        self._events.append((self._version, kind, copy))
        self._changed.set()

    def _misfit(self, body: Thing) -> str:
        """A Job that comes out of the client's model as it went in has no field but known ones."""
        answer = cast(RESTResponse, SimpleNamespace(data=json.dumps(body)))
        read = self._client.deserialize(answer, "V1Job")
        again = self._client.sanitize_for_serialization(read)
        return "" if again == body else f"expected {again}"

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
