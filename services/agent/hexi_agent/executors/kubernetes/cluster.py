"""Runs a placement as one Job, named after it: the cluster keeps it from being made twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from hexi_kit.errors import AlreadyExists, InvalidArgument, NotFound, Unavailable

from hexi_agent.backoff import Backoff
from hexi_agent.domain.cluster_runs import Phase, Seen
from hexi_agent.executors import Order
from hexi_agent.executors.cluster import Output
from hexi_agent.executors.job import job_of, refused
from hexi_agent.executors.kubernetes.api import JobsApi
from hexi_agent.executors.kubernetes.follow import JobsCopy, Thing
from hexi_agent.executors.kubernetes.manifest import (
    PLACEMENT_LABEL,
    SITE_LABEL,
    KubernetesConfig,
    job_manifest,
    name_of,
)
from hexi_agent.executors.kubernetes.status import seen_of, telling_pod, with_pods


class KubernetesCluster:
    """Looks at a copy of the Jobs that a watch keeps current; asks for pods where a run ends."""

    def __init__(
        self,
        settings: KubernetesConfig,
        site_id: str,
        accelerator_of: Callable[[int], str],
        backoff: Backoff,
    ) -> None:
        self._settings, self._site_id = settings, site_id
        self._accelerator_of = accelerator_of
        self._api = JobsApi(settings)
        self._selector = f"{SITE_LABEL}={site_id}"
        self._copy = JobsCopy(self, backoff)
        # Over for good, with what their pods told.
        self._ends: dict[str, Seen] = {}
        # Why those that wait do so: one is asked each look, in turn.
        self._waits: dict[str, Seen] = {}
        self._turn = 0

    async def run(self) -> None:
        """Follow the cluster's Jobs until cancelled."""
        await self._copy.run()

    async def close(self) -> None:
        await self._api.close()

    async def look(self) -> Mapping[str, Seen]:
        jobs = self._copy.jobs
        if jobs is None:
            raise Unavailable("the cluster's Jobs are not followed")
        found: dict[str, Seen] = {}
        for job in list(jobs.values()):
            placement_id = job["metadata"]["labels"].get(PLACEMENT_LABEL, "")
            if job["metadata"]["name"] == name_of(placement_id):
                found[placement_id] = await self._seen(placement_id, job)
        self._ends = {name: seen for name, seen in self._ends.items() if name in found}
        await self._ask_why(sorted(n for n, s in found.items() if s.phase is Phase.WAITING))
        return found | self._waits

    async def submit(self, order: Order) -> None:
        job = job_of(order, self._accelerator_of)
        manifest = job_manifest(job, self._settings, self._site_id)
        try:
            self._copy.add(await self._api.create(manifest))
        except AlreadyExists:
            await self._adopt(name_of(job.placement_id))
        except NotFound as error:
            raise refused("kubernetes", str(error)) from error

    async def cancel(self, placement_id: str) -> None:
        name = name_of(placement_id)
        try:
            await self._api.delete(name)
        except NotFound:
            self._copy.remove(name)
        except InvalidArgument as error:
            raise Unavailable(str(error)) from error

    async def forget(self, placement_id: str) -> None:
        await self.cancel(placement_id)

    async def output(self, placement_id: str, bytes_max: int) -> Output:
        pod = telling_pod(await self._pods(placement_id))
        return await self._api.log(pod, bytes_max) if pod else Output()

    async def list_jobs(self) -> tuple[list[Thing], str]:
        return await self._api.list_jobs(self._selector)

    def watch_jobs(self, version: str) -> AsyncIterator[bytes]:
        return self._api.watch_jobs(self._selector, version)

    async def _seen(self, placement_id: str, job: Thing) -> Seen:
        if placement_id in self._ends:
            return self._ends[placement_id]
        seen = seen_of(job)
        if seen.phase is Phase.ENDED:
            seen = self._ends[placement_id] = with_pods(seen, await self._pods(placement_id))
        return seen

    async def _ask_why(self, waiting: Sequence[str]) -> None:
        self._waits = {name: seen for name, seen in self._waits.items() if name in waiting}
        if waiting:
            self._turn += 1
            name = waiting[self._turn % len(waiting)]
            self._waits[name] = with_pods(Seen(Phase.WAITING), await self._pods(name))

    async def _pods(self, placement_id: str) -> list[Thing]:
        try:
            selector = f"{self._selector},{PLACEMENT_LABEL}={placement_id}"
            return await self._api.list_pods(selector)
        except (NotFound, InvalidArgument) as error:
            raise Unavailable(str(error)) from error

    async def _adopt(self, name: str) -> None:
        """Somebody has this name: ourselves in an earlier life, or a stranger."""
        found = await self._api.read(name)
        if (found["metadata"].get("labels") or {}).get(SITE_LABEL) != self._site_id:
            raise refused("placement_id", f"the Job {name} belongs to somebody else")
        self._copy.add(found)
