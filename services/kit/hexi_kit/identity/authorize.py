"""Asks the Cedar policies who may call what, once per kind of caller, and remembers."""

from dataclasses import dataclass
from pathlib import Path

import cedarpy
import hexi_contracts

from hexi_kit.errors import PermissionDenied
from hexi_kit.identity.principal import Principal

POLICIES_DIR = Path(hexi_contracts.__file__).parent.parent / "policies"
_NO_POLICY = "no-policy-permits"


@dataclass(frozen=True)
class Answer:
    """Allowed or not, and the policy that decided."""

    allowed: bool
    policy: str


class Authorizer:
    """Decisions depend on kind, service name and method only, so the cache is small and exact.

    Whose site or tenant it is, each handler checks itself.
    """

    def __init__(self, policies_dir: Path = POLICIES_DIR) -> None:
        files = sorted(policies_dir.glob("*.cedar"))
        if not files:
            raise FileNotFoundError(f"expected Cedar policies in {policies_dir}, found none")
        text = "\n".join(file.read_text(encoding="utf-8") for file in files)
        self._policies = cedarpy.PolicySet.from_str(text)
        self._answers: dict[tuple[str, str, str, str], Answer] = {}

    def check(self, principal: Principal, service: str, method: str) -> None:
        """Return when allowed, else raise PermissionDenied naming the policy."""
        answer = self.answer(principal, service, method)
        if not answer.allowed:
            raise PermissionDenied(
                answer.policy, f"{principal.kind} {principal.name} may not call {service}/{method}"
            )

    def answer(self, principal: Principal, service: str, method: str) -> Answer:
        name = principal.name if principal.kind == "service" else ""
        key = (principal.kind, name, service, method)
        answer = self._answers.get(key)
        if answer is None:
            answer = self._answers[key] = self._ask(principal.kind, name, service, method)
        return answer

    def _ask(self, kind: str, name: str, service: str, method: str) -> Answer:
        caller = {"type": "Caller", "id": f"{kind}/{name}"}
        parents = [{"type": "Kind", "id": kind}]
        if name:
            parents.append({"type": "Service", "id": name})
        result = cedarpy.is_authorized(
            {
                "principal": caller,
                "action": {"type": "Action", "id": f"{service}/{method}"},
                "resource": {"type": "Api", "id": service},
                "context": {},
            },
            self._policies,
            [{"uid": caller, "attrs": {}, "parents": parents}],
        )
        if result.diagnostics.errors:
            raise ValueError(f"policies cannot be evaluated: {result.diagnostics.errors}")
        names = result.diagnostics.id_annotations_by_reason
        reasons = sorted(names.get(reason) or reason for reason in result.diagnostics.reasons)
        return Answer(result.decision == cedarpy.Decision.Allow, ",".join(reasons) or _NO_POLICY)
