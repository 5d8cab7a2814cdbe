"""Goal: the door's parts keep their bounds. Method: each alone."""

from __future__ import annotations

import asyncio

import pytest
from hexi_kit.clock import SystemClock
from hexi_kit.errors import InvalidArgument, PermissionDenied, Unauthenticated
from hexi_kit.identity import Principal
from hexi_kit.rpc.validate import Violations
from hexi_kit.testing.pki import Pki
from hexi_telemetry.api.certificate import Certificates
from hexi_telemetry.api.paging import read_token, token
from hexi_telemetry.domain.facts import ServerSetFacts, SiteFacts
from hexi_telemetry.handlers.sites import KnownSites

AGENT = Principal("agent", "1", "lanzhou")


@pytest.mark.parametrize("text", ["x", "1", "1-2-3", "-1-2", "1-99999999999999999999", "1-²"])
def test_a_token_nobody_gave_is_refused(text: str) -> None:
    violations = Violations()

    read_token(violations, text, 2)

    assert len(violations) == 1


def test_a_token_comes_back_as_it_went() -> None:
    assert read_token(Violations(), token(17, 900_000), 2) == [17, 900_000]


class TestCertificates:
    """The certificate of a hello."""

    def test_the_agents_own_is_taken(self, tmp_path) -> None:
        pki = Pki(tmp_path)
        pem = pki.identity(AGENT).certificate()

        assert len(certificates(pki).require(pem, AGENT).key_id) == 64

    def test_another_agents_is_denied(self, tmp_path) -> None:
        pki = Pki(tmp_path)
        pem = pki.identity(Principal("agent", "2", "lanzhou")).certificate()

        with pytest.raises(PermissionDenied):
            certificates(pki).require(pem, AGENT)

    def test_one_of_another_authority_is_refused(self, tmp_path) -> None:
        pki = Pki(tmp_path)
        pem = pki.foreign(AGENT).certificate()

        with pytest.raises((PermissionDenied, InvalidArgument)):
            certificates(pki).require(pem, AGENT)

    def test_one_whose_day_is_over_is_refused(self, tmp_path) -> None:
        pki = Pki(tmp_path)
        pem = pki.expired(AGENT).certificate()

        with pytest.raises(Unauthenticated):
            certificates(pki).require(pem, AGENT)

    @pytest.mark.parametrize("pem", [b"", b"garbage", b"x" * 20_000])
    def test_garbage_is_refused_with_its_field(self, tmp_path, pem: bytes) -> None:
        with pytest.raises(InvalidArgument) as caught:
            certificates(Pki(tmp_path)).require(pem, AGENT)

        assert caught.value.violations[0].field == "hello.certificate"


def certificates(pki: Pki) -> Certificates:
    ca = pki.service("telemetry").authority()
    return Certificates(ca, SystemClock())


async def test_a_frame_waits_for_a_revision_on_its_way() -> None:
    known = KnownSites()
    await known.hear([SiteFacts("lanzhou", True, frozenset())], [set_of(1)])

    waiting = asyncio.create_task(known.heard_of("lanzhou", 2))
    await asyncio.sleep(0)
    assert not waiting.done()
    await known.hear(server_sets=[set_of(2)])
    await waiting

    site = known.find("lanzhou")
    assert site is not None and site.newest_revision == 2
    assert known.racks_of("lanzhou", 2, 1, 2) == ["r1", "r2"]


def set_of(revision: int) -> ServerSetFacts:
    return ServerSetFacts("lanzhou", revision, ("r1", "r2"), (0, 0, 1))
