"""Reads in a Job and its pods how far a run has come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hexi_agent.domain.cluster_runs import LOST_EXIT_CODE, Phase, Seen
from hexi_agent.domain.simulated_runs import TOO_LONG

Thing = Mapping[str, Any]
_LATEST = "9999"
KILLED_EXIT_CODES = (128 + 9, 128 + 15)


class _End(NamedTuple):
    """One container's end, in the order of what tells most about the whole."""

    succeeded: bool
    # To the second: whom the first failure pulled down may bear the same.
    finished_at: str
    was_killed: bool
    pod: str
    exit_code: int
    reason: str


def seen_of(job: Thing) -> Seen:
    """What the Job alone tells; of one that is over the pods know the exit code."""
    status = job.get("status") or {}
    counted = [int(status.get(one) or 0) for one in ("ready", "succeeded", "failed")]
    over = _over(status)
    if over is None or "deletionTimestamp" in job["metadata"]:
        return Seen(Phase.RUNNING if any(counted) else Phase.WAITING)
    if over["type"] == "Complete":
        return Seen(Phase.ENDED, has_run=True)
    late = over.get("reason") == "DeadlineExceeded"
    detail = TOO_LONG if late else str(over.get("reason") or "failed")
    return Seen(Phase.ENDED, LOST_EXIT_CODE, detail, has_run=any(counted))


def with_pods(seen: Seen, pods: Sequence[Thing]) -> Seen:
    """The first failure counts: those after it were ended because of it."""
    if seen.phase is Phase.WAITING:
        return seen._replace(detail=next((why for pod in pods for why in _waits(pod)), ""))
    ends = sorted(end for pod in pods for end in _ends(pod))
    if seen.phase is not Phase.ENDED or not ends or seen.detail == TOO_LONG:
        return seen
    return Seen(Phase.ENDED, ends[0].exit_code, ends[0].reason, has_run=True)


def telling_pod(pods: Sequence[Thing]) -> str:
    """Whose output is the run's: the first that failed, else the first of all; "" for none."""
    ends = sorted(end for pod in pods for end in _ends(pod))
    names = [end.pod for end in ends] or sorted(pod["metadata"]["name"] for pod in pods)
    return names[0] if names else ""


def _over(status: Thing) -> Thing | None:
    for condition in status.get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            found: Thing = condition
            return found
    return None


def _containers(pod: Thing) -> Iterator[Thing]:
    yield from (pod.get("status") or {}).get("containerStatuses") or ()


def _ends(pod: Thing) -> Iterator[_End]:
    for container in _containers(pod):
        ended = (container.get("state") or {}).get("terminated")
        if ended:
            code = int(ended["exitCode"])
            # "Error" and "Completed" say no more than the code.
            reason = str(ended.get("reason") or "")
            reason = "" if reason in ("Error", "Completed") else reason
            finished_at = str(ended.get("finishedAt") or _LATEST)
            name = str(pod["metadata"]["name"])
            yield _End(code == 0, finished_at, code in KILLED_EXIT_CODES, name, code, reason)


def _waits(pod: Thing) -> Iterator[str]:
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting")
        if waiting:
            yield f"{waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"{condition.get('reason', '')} {condition.get('message', '')}".strip()
