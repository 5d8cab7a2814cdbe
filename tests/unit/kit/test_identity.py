"""Goal: a name is either exactly ours or refused. Method: properties, and certificates on disk."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from hexi_kit.clock import SystemClock
from hexi_kit.errors import Unauthenticated
from hexi_kit.identity import Identity, LocalAuthority, Principal, parse_spiffe
from hexi_kit.identity.certificate import read_certificate
from hexi_kit.testing.clock import ManualClock
from hexi_kit.testing.pki import DAY_MS
from hypothesis import given
from hypothesis import strategies as st

PRINCIPALS = [
    Principal("service", "security_monitor"),
    Principal("agent", "1", "lanzhou-new-area"),
    Principal("tenant", "7", "gansu-university"),
    Principal("trader", "2", "provider.jiuquan"),
    Principal("soc", "1"),
    Principal("operator", "1"),
    Principal("supervisor", "1"),
]


@pytest.mark.parametrize("principal", PRINCIPALS, ids=lambda p: p.kind)
def test_each_kind_is_read_back(principal: Principal) -> None:
    assert parse_spiffe(principal.uri) == principal


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "spiffe://hexi",
        "spiffe://hexi/",
        "spiffe://other/service/inventory",
        "SPIFFE://hexi/service/inventory",
        "spiffe://hexi/service/",
        "spiffe://hexi/service/a/b",
        "spiffe://hexi/service/inventory/",
        "spiffe://hexi/service/inventory\n",
        "spiffe://hexi/service/../operator/1",
        "spiffe://hexi/service/%69nventory",
        "spiffe://hexi/service/inventory?x=1",
        "spiffe://hexi/service/inventory#x",
        "spiffe://hexi:443/service/inventory",
        "spiffe://user@hexi/service/inventory",
        "spiffe://hexi//service/inventory",
        "spiffe://hexi/site/lanzhou/agent",
        "spiffe://hexi/site//agent/1",
        "spiffe://hexi/site/lanzhou/operator/1",
        "spiffe://hexi/operator/1/user/1",
        "spiffe://hexi/root/1",
        "spiffe://hexi/operator/兰州",
        "spiffe://hexi/operator/" + "a" * 65,
    ],
)
def test_odd_ids_are_refused(uri: str) -> None:
    with pytest.raises(Unauthenticated):
        parse_spiffe(uri)


@given(st.text(max_size=80).map(lambda text: "spiffe://hexi/" + text) | st.text(max_size=80))
def test_whatever_is_accepted_is_written_back_the_same(uri: str) -> None:
    try:
        principal = parse_spiffe(uri)
    except Unauthenticated:
        return
    assert principal.uri == uri


def read(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate())


def test_an_issued_identity_says_who_and_is_private(tmp_path: Path) -> None:
    issued = LocalAuthority(tmp_path).issue("lanzhou-1", PRINCIPALS[1].uri, "lanzhou-1")

    loaded = Identity.load(tmp_path, "lanzhou-1")

    assert loaded == issued
    assert read_certificate(read(loaded)).principal == PRINCIPALS[1]
    assert stat.S_IMODE(loaded.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ca-key.pem").stat().st_mode) == 0o600
    read(loaded).verify_directly_issued_by(
        x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    )


def test_only_services_may_answer_as_servers(tmp_path: Path) -> None:
    authority = LocalAuthority(tmp_path)
    for principal in PRINCIPALS:
        certificate = read(authority.issue(principal.kind, principal.uri, "x"))
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        serves = x509.ExtendedKeyUsageOID.SERVER_AUTH in usages
        assert serves == (principal.kind == "service")


def test_a_good_certificate_is_kept_and_an_old_one_renewed_with_its_key(tmp_path: Path) -> None:
    uri, clock = PRINCIPALS[0].uri, ManualClock(SystemClock().now_ms())
    authority = LocalAuthority(tmp_path, clock)
    first = authority.issue("monitor", uri, "monitor", 10 * 86_400).certificate()

    clock.advance(7 * DAY_MS)
    kept = authority.issue("monitor", uri, "monitor", 10 * 86_400)
    assert kept.certificate() == first
    key = kept.key()

    clock.advance(2 * DAY_MS)
    renewed = authority.issue("monitor", uri, "monitor", 10 * 86_400)
    assert renewed.certificate() != first
    assert renewed.key() == key


def test_another_name_or_authority_is_a_new_certificate(tmp_path: Path) -> None:
    authority = LocalAuthority(tmp_path)
    first = authority.issue("x", PRINCIPALS[0].uri, "x").certificate()
    assert authority.issue("x", PRINCIPALS[4].uri, "x").certificate() != first

    (tmp_path / "ca.pem").unlink()
    (tmp_path / "ca-key.pem").unlink()
    authority.ensure_ca()
    second = authority.issue("x", PRINCIPALS[4].uri, "x")
    read(second).verify_directly_issued_by(x509.load_pem_x509_certificate(second.authority()))


def test_many_at_once_agree_on_one_authority(tmp_path: Path) -> None:
    def issue(number: int) -> bytes:
        issued = LocalAuthority(tmp_path).issue(f"agent-{number % 3}", PRINCIPALS[1].uri, "x")
        return issued.authority()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(issue, range(24)))) == 1


def test_a_missing_identity_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="identity 'ghost'"):
        Identity.load(tmp_path, "ghost")
