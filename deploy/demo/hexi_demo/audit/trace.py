"""One trace id goes from a submission through every log to the transfer that pays for its run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hexi.scheduler.v1 import place_pb2, route_pb2

from hexi_demo.audit.check import Check, check
from hexi_demo.audit.ledger import Ledger
from hexi_demo.audit.log import Entry


def trace_id(traceparent: str) -> str:
    """The second field of a W3C traceparent; empty where there is none."""
    fields = traceparent.split("-")
    return fields[1] if len(fields) == 4 else ""


def checks(
    requests: Iterable[Entry], usages: Mapping[str, place_pb2.Usage], ledger: Ledger
) -> list[Check]:
    """Compare the trace of each transfer for usage with that of the workload behind it."""
    submitted = {
        workload.workload_id: trace_id(workload.traceparent)
        for entry in requests
        if isinstance(entry.value, route_pb2.Request)
        for workload in entry.value.submit.workloads
    }
    followed, wrong = set(), []
    for row in ledger.transfer:
        usage = usages.get(str(row["subject"]))
        if usage is None:
            continue
        wanted, found = submitted.get(usage.workload_id, ""), trace_id(str(row["traceparent"]))
        if not wanted or wanted != found:
            wrong.append(f"{row['transfer_id']}: trace {found}, its workload's is {wanted}")
        followed.add(wanted)
    counted = f"{len(followed)} traces followed into the ledger"
    return [check("one trace from submission to transfer", counted, wrong, seen=len(followed))]
