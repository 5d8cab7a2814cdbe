"""Goal: a jar is run only if it is the locked one, and whole. Method: a repository on loopback
that serves something else, breaks off, or is not there."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hexi_local import jar_lock, jars
from hexi_local.network import free_ports

GOOD = b"a jar, or what we call one here"


class Repository(BaseHTTPRequestHandler):
    """Serves `served` for every jar and no checksums."""

    served = GOOD
    announced_more = 0

    def do_GET(self) -> None:
        if not self.path.endswith(".jar"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.served) + self.announced_more))
        self.end_headers()
        self.wfile.write(self.served)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        return


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Repository]]:
    handler = type("OwnRepository", (Repository,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    lock = tmp_path / "jars.lock"
    lock.write_text(f"org.example thing 1.0 {sha256(GOOD)}\n")
    monkeypatch.setattr(jar_lock, "LOCK", lock)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HEXI_MAVEN_REPOSITORY", f"http://127.0.0.1:{server.server_port}")
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def cached(tmp_path: Path) -> list[str]:
    return [one.name for one in (tmp_path / "cache" / "hexi" / "jars").glob("*.jar")]


def test_the_locked_jar_is_kept_and_not_asked_for_again(
    repository: type[Repository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = jars.classpath()
    monkeypatch.setenv("HEXI_MAVEN_REPOSITORY", f"http://127.0.0.1:{free_ports(1)[0]}")

    assert jars.classpath() == first
    assert Path(first).read_bytes() == GOOD


def test_another_content_is_refused(repository: type[Repository], tmp_path: Path) -> None:
    repository.served = b"something else"

    with pytest.raises(jar_lock.JarsMissing, match="expected SHA-256"):
        jars.classpath()
    assert cached(tmp_path) == []


def test_a_broken_off_download_leaves_nothing(repository: type[Repository], tmp_path: Path) -> None:
    repository.announced_more = 100

    with pytest.raises(jar_lock.JarsMissing):
        jars.classpath()
    assert cached(tmp_path) == []


def test_no_repository_is_said_in_one_sentence(
    repository: type[Repository], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEXI_MAVEN_REPOSITORY", f"http://127.0.0.1:{free_ports(1)[0]}")

    with pytest.raises(jar_lock.JarsMissing, match="is a Maven repository reachable"):
        jars.classpath()
